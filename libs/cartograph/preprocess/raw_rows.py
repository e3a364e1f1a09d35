"""Raw rows of batches, grouped by how their source writes values: each batch is read as it was declared."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.core.cleaning.declaration import Cleaning

RawRows = list[tuple[DataFrame, Cleaning]]
_MAX_LISTED = 1000  # Up to this many batches are listed in a filter, so that Delta skips the files of all others.


def by_declaration(rows: DataFrame, batches: DataFrame) -> RawRows:
    """The rows of `batches`, one frame per declaration; a single empty frame where there are none.

    Args:
        rows: of a bronze table.
        batches: batch_id, cleaning (JSON): rows of bronze.batches.
    """
    few = batches.select("batch_id", "cleaning").limit(_MAX_LISTED + 1).collect()
    if not few:
        return [(rows.limit(0), Cleaning())]
    if len(few) > _MAX_LISTED:
        declarations = [row.cleaning for row in batches.select("cleaning").distinct().collect()]
        of = {each: batches.where(F.col("cleaning") == each).select("batch_id") for each in declarations}
        found = {each: rows.join(F.broadcast(ids), "batch_id", "left_semi") for each, ids in of.items()}
    else:
        listed: dict[str, list[str]] = {}
        for row in few:
            listed.setdefault(row.cleaning, []).append(row.batch_id)
        found = {each: rows.where(F.col("batch_id").isin(ids)) for each, ids in listed.items()}
    return [(frame, Cleaning.model_validate_json(each)) for each, frame in found.items()]
