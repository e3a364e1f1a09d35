"""The ledger: per batch, rows in = kept + merged + quarantined + duplicates, counted separately and compared."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.core.errors import UserError
from cartograph.core.tables.schema import columns_of

_SHOWN = 5
_COUNTS = ["n_kept", "n_merged", "n_quarantined", "n_duplicates"]


class LedgerMismatch(UserError):
    """Rows were lost or doubled between bronze and silver; the message gives the numbers per batch."""


def duplicates(fated: DataFrame) -> DataFrame:
    """batch_id, n_duplicates: rows of new batches that another row of their event stands for."""
    return fated.where("is_new").groupBy("batch_id").agg(F.count_if(F.col("fate") == "duplicate").alias("n_duplicates"))


def kept_counts(events: DataFrame) -> DataFrame:
    """batch_id, n_kept, n_merged of silver.events."""
    added = F.sum(F.col("n_lines") - 1).cast("long").alias("n_merged")
    return events.groupBy("batch_id").agg(F.count("*").alias("n_kept"), added)


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
    """Rows of silver.ledger of earlier batches some of whose events a new batch replaced.

    What was kept or merged there is a duplicate now, or quarantined where the contents differ.
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


def checked(entries: DataFrame) -> DataFrame:
    """The entries as they are, if every one balances.

    Raises:
        LedgerMismatch: some do not.
    """
    balance = sum((F.col(name) for name in _COUNTS), F.lit(0))
    wrong = entries.where((F.col("n_in") != balance) | (F.col("n_duplicates") < 0)).limit(_SHOWN).collect()
    if wrong:
        lines = [
            f"  - batch {row.batch_id} of {row.source}: {row.n_in} in, but {row.n_kept} kept + {row.n_merged} merged + "
            f"{row.n_quarantined} quarantined + {row.n_duplicates} duplicates"
            for row in wrong
        ]
        raise LedgerMismatch("rows were lost or doubled:\n" + "\n".join(lines))
    return entries
