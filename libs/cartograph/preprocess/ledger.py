"""The ledger: per batch, rows in = kept + merged + quarantined + duplicates, counted separately and compared."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.core.errors import UserError
from cartograph.core.tables.schema import columns_of

_SHOWN = 5
_COUNTS = ["n_kept", "n_merged", "n_quarantined", "n_duplicates"]


class LedgerMismatch(UserError):
    """Rows were lost or duplicated between bronze and silver; the message gives the numbers per batch."""


def duplicates(versions: DataFrame) -> DataFrame:
    """batch_id, n_duplicates: how many events of new batches are duplicates (`versions.with_outcomes`)."""
    n_duplicates = F.count_if(F.col("outcome") == "duplicate").alias("n_duplicates")
    return versions.where("is_new").groupBy("batch_id").agg(n_duplicates)


def kept_counts(events: DataFrame) -> DataFrame:
    """batch_id, n_kept, n_merged of silver.events."""
    added = F.sum(F.col("n_lines") - 1).cast("long").alias("n_merged")
    return events.groupBy("batch_id").agg(F.count("*").alias("n_kept"), added)


def record_counts(checked: DataFrame) -> DataFrame:
    """batch_id, n_kept, n_merged of checked records of products or customers: all that no rule sets aside are kept."""
    good = checked.where("rule IS NULL").groupBy("batch_id")
    return good.agg(F.count("*").alias("n_kept"), F.lit(0).alias("n_merged"))


def entries(batches: DataFrame, kept: DataFrame, quarantined: DataFrame, lost: DataFrame) -> DataFrame:
    """Rows of silver.ledger for new batches.

    Args:
        batches: batch_id, source, n_in.
        kept: batch_id, n_kept, n_merged, as found in silver.
        quarantined: batch_id, n_quarantined, as found in silver.quarantine.
        lost: batch_id, n_duplicates.
    """
    joined = batches.join(kept, "batch_id", "left").join(quarantined, "batch_id", "left").join(lost, "batch_id", "left")
    return joined.na.fill(0, _COUNTS).select(*columns_of("silver.ledger"))


def displaced(ledger: DataFrame, kept: DataFrame, quarantined: DataFrame) -> DataFrame:
    """Rows of silver.ledger for earlier batches some of whose events a new batch replaced.

    What was kept or merged is a duplicate now, or in quarantine where the contents differ.
    """
    counts = kept.join(quarantined, "batch_id", "full").select(
        "batch_id", *[F.col(name).alias(f"{name}_now") for name in ("n_kept", "n_merged", "n_quarantined")]
    )
    now = ledger.join(counts, "batch_id", "left").na.fill(0)
    names = ("n_kept", "n_merged", "n_quarantined")
    is_changed = F.lit(False)
    moved = F.lit(0)
    for name in names:
        is_changed = is_changed | (F.col(name) != F.col(f"{name}_now"))
        moved = moved + F.col(name) - F.col(f"{name}_now")
    changed = now.where(is_changed).withColumn("n_duplicates", F.col("n_duplicates") + moved)
    return changed.withColumns({name: F.col(f"{name}_now") for name in names}).select(*columns_of("silver.ledger"))


def balanced_totals(entries: DataFrame) -> dict[str, int]:
    """The sum of every count of the entries, all of which balance.

    Raises:
        LedgerMismatch: some do not.
    """
    balance = sum((F.col(name) for name in _COUNTS), F.lit(0))
    is_wrong = (F.col("n_in") != balance) | (F.col("n_duplicates") < 0)
    sums = [F.coalesce(F.sum(name), F.lit(0)) for name in ("n_in", *_COUNTS)]
    n_wrong, *totals = entries.agg(F.count_if(is_wrong), *sums).collect()[0]
    if n_wrong:
        lines = [
            f"  - batch {row.batch_id} of {row.source}: {row.n_in} in, but {row.n_kept} kept + {row.n_merged} merged + "
            f"{row.n_quarantined} quarantined + {row.n_duplicates} duplicates"
            for row in entries.where(is_wrong).orderBy("batch_id").limit(_SHOWN).collect()
        ]
        raise LedgerMismatch("rows were lost or duplicated:\n" + "\n".join(lines))
    return dict(zip(("n_in", *_COUNTS), totals, strict=True))
