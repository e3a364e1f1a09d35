"""Raw rows of batches, apart by how their source writes values: each batch is read as it was declared."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.core.cleaning.declaration import Cleaning

Apart = list[tuple[DataFrame, Cleaning]]
_MOST_LISTED = 1000  # batches that are named in a filter, so that Delta skips the files of others


def apart(rows: DataFrame, batches: DataFrame) -> Apart:
    """The rows of `batches`, one frame for each way of writing values; a single empty frame where there are none.

    Args:
        rows: of a bronze table.
        batches: batch_id, cleaning (JSON): rows of bronze.batches.
    """
    few = batches.select("batch_id", "cleaning").limit(_MOST_LISTED + 1).collect()
    if not few:
        return [(rows.limit(0), Cleaning())]
    if len(few) > _MOST_LISTED:
        ways = [row.cleaning for row in batches.select("cleaning").distinct().collect()]
        of = {way: batches.where(F.col("cleaning") == way).select("batch_id") for way in ways}
        found = {way: rows.join(F.broadcast(ids), "batch_id", "left_semi") for way, ids in of.items()}
    else:
        listed: dict[str, list[str]] = {}
        for row in few:
            listed.setdefault(row.cleaning, []).append(row.batch_id)
        found = {way: rows.where(F.col("batch_id").isin(ids)) for way, ids in listed.items()}
    return [(frame, Cleaning.model_validate_json(way)) for way, frame in found.items()]
