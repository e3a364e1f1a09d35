"""The ledger: per batch, rows in = kept + quarantined + duplicates, counted apart and compared."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.core.errors import UserError
from cartograph.core.schema import columns_of
from cartograph.preprocess.resolve import latest

_SHOWN = 5


class LedgerMismatch(UserError):
    """Rows were lost or doubled between bronze and silver; the message gives the numbers per batch."""


def duplicates(good: DataFrame, stored: DataFrame | None) -> DataFrame:
    """batch_id, n_duplicates: good rows of new batches that lose against another version of their event."""
    columns = ("event_id", "event_at", "batch_id", "row_id")
    rows = good.select(*columns, F.lit(True).alias("is_new"))
    if stored is not None:
        others = stored.join(good.select("batch_id").distinct(), "batch_id", "left_anti")
        same = others.join(good.select("event_id").distinct(), "event_id", "left_semi")
        rows = rows.unionByName(same.select(*columns[:3], F.lit("").alias("row_id"), F.lit(False).alias("is_new")))
    won = latest(rows).where("is_new").groupBy("batch_id").agg(F.count("*").alias("n_won"))
    offered = good.groupBy("batch_id").agg(F.count("*").alias("n_offered"))
    lost = F.col("n_offered") - F.coalesce("n_won", F.lit(0))
    return offered.join(won, "batch_id", "left").select("batch_id", lost.alias("n_duplicates"))


def entries(batches: DataFrame, kept: DataFrame, quarantined: DataFrame, lost: DataFrame) -> DataFrame:
    """Rows of silver.ledger for new batches.

    Args:
        batches: batch_id, source, n_in.
        kept: batch_id, n_kept, as found in silver.
        quarantined: batch_id, n_quarantined, as found in silver.quarantine.
        lost: batch_id, n_duplicates.
    """
    joined = batches.join(kept, "batch_id", "left").join(quarantined, "batch_id", "left").join(lost, "batch_id", "left")
    return joined.na.fill(0, ["n_kept", "n_quarantined", "n_duplicates"]).select(*columns_of("silver.ledger"))


def displaced(ledger: DataFrame, kept: DataFrame) -> DataFrame:
    """Rows of silver.ledger of earlier batches whose events a new batch replaced: what was kept is a duplicate now."""
    now = ledger.join(kept.withColumnRenamed("n_kept", "n_now"), "batch_id", "left").na.fill(0, ["n_now"])
    moved = F.col("n_kept") - F.col("n_now")
    changed = now.where(moved != 0).withColumn("n_duplicates", F.col("n_duplicates") + moved)
    return changed.withColumn("n_kept", F.col("n_now")).select(*columns_of("silver.ledger"))


def checked(entries: DataFrame) -> DataFrame:
    """The entries as they are, if every one balances.

    Raises:
        LedgerMismatch: some do not.
    """
    balance = F.col("n_kept") + F.col("n_quarantined") + F.col("n_duplicates")
    wrong = entries.where((F.col("n_in") != balance) | (F.col("n_duplicates") < 0)).limit(_SHOWN).collect()
    if wrong:
        lines = [
            f"  - batch {row.batch_id} of {row.source}: {row.n_in} in, but {row.n_kept} kept + {row.n_quarantined} "
            f"quarantined + {row.n_duplicates} duplicates"
            for row in wrong
        ]
        raise LedgerMismatch("rows were lost or doubled:\n" + "\n".join(lines))
    return entries
