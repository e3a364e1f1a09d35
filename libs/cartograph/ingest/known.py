"""What bronze holds of a source: its batches, their rows, and which of these are to be removed and read again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F


@dataclass(frozen=True)
class Known:
    """A batch that is in bronze, the declaration it was read under, and whether silver has it."""

    batch_id: str
    target: str
    declaration: str
    is_done: bool


def known_batches(recorded: DataFrame | None, ledger: DataFrame | None) -> dict[str, Known]:
    """The batches of a source that are completely ingested, by content.

    Args:
        recorded: the source's rows of bronze.batches; None where it has not been written.
        ledger: rows of silver.ledger; None where it has not been written.
    """
    if recorded is None:
        return {}
    batches, is_done = recorded.select("content_id", "batch_id", "target", "declaration"), F.lit(False)
    if ledger is not None:
        done = ledger.select("batch_id", F.lit(True).alias("done"))
        batches, is_done = batches.join(done, "batch_id", "left"), F.coalesce("done", F.lit(False))
    rows = batches.select("content_id", "batch_id", "target", "declaration", is_done).collect()
    return {content: Known(*rest) for content, *rest in rows}


def row_ids(rows: DataFrame, outdated: Sequence[str]) -> DataFrame:
    """row_id of the rows of a bronze table that belong to other batches than the outdated ones."""
    return rows.where(~F.col("batch_id").isin(list(outdated))).select("row_id")


def rows_to_remove(replaced: Sequence[Known]) -> Iterator[tuple[str, Column]]:
    """Which rows of which table to remove so that these batches can be read again, in this order.

    The entries in bronze.batches are removed last, so that an interrupted removal is repeated.
    """
    for target in sorted({batch.target for batch in replaced}):
        is_replaced = F.col("batch_id").isin([batch.batch_id for batch in replaced if batch.target == target])
        for name in (f"bronze.{target}", "bronze.quarantine", "bronze.batches"):
            yield name, is_replaced
