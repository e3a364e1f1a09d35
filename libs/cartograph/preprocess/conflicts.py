"""Rows whose event id their source gave to another event too: set aside, whoever came first."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.core.cleaning.declaration import Cleaning
from cartograph.core.tables.schema import columns_of
from cartograph.preprocess.events import CONTENT, identified_events
from cartograph.preprocess.verdicts import raw_map

RULE = "conflicting_id"


def conflicting(
    bronze: Sequence[tuple[DataFrame, Cleaning]], key: bytes, fated: DataFrame, set_aside: DataFrame
) -> DataFrame:
    """Rows of silver.quarantine: those of contested event ids whose content is not the one that is kept.

    Args:
        bronze: rows of bronze.events that may have such ids, apart by how their source writes values.
        fated: the rows that `versions.with_fates` gives.
        set_aside: row_id of the rows that are in quarantine for another reason.
    """
    contested = fated.where("fate = 'conflict'").select("event_id").distinct()
    kept = fated.where("fate = 'kept'").join(contested, "event_id", "left_semi")
    winners = kept.select("event_id", F.col("content").alias("kept_content"), F.col("event_at").alias("kept_at"))
    rows = reduce(DataFrame.unionByName, [identified_events(frame, cleaning, key) for frame, cleaning in bronze])
    others = rows.join(winners, "event_id").where("content <> kept_content").join(set_aside, "row_id", "left_anti")
    kept_at = F.date_format("kept_at", "yyyy-MM-dd HH:mm:ss")
    reason = F.concat(F.lit("event_id '"), F.col("raw.event_id"), F.lit("' is that of another event too, of "), kept_at)
    quarantined = others.withColumns({"rule": F.lit(RULE), "reason": reason, "raw": raw_map(CONTENT)})
    return quarantined.select(*columns_of("silver.quarantine"))
