"""Events whose id their source also gave to another event: they are set aside, whichever was delivered first."""

from __future__ import annotations

from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.core.tables.schema import columns_of
from cartograph.preprocess.events import CONTENT, identified_events
from cartograph.preprocess.limits import SetAside
from cartograph.preprocess.raw_rows import RawRows
from cartograph.preprocess.verdicts import raw_map

RULE = "conflicting_id"


def conflict_counts(versions: DataFrame) -> list[SetAside]:
    """Per source with contested event ids, how many of its new events are set aside (0: only stored ones are).

    Args:
        versions: of `versions.with_outcomes`.
    """
    is_conflict = F.col("outcome") == "conflict"
    by_source = versions.groupBy("source").agg(
        F.count_if("is_new").alias("n_new"),
        F.count_if(is_conflict & F.col("is_new")).alias("n_aside"),
        F.min(F.when(is_conflict, F.col("event_id"))).alias("example"),
    )
    return [
        SetAside(row.source, "events", RULE, row.n_new, row.n_aside,
                 (f"event_id '{row.example}' is also the id of another event",))
        for row in by_source.where("example IS NOT NULL").orderBy("source").collect()
    ]  # fmt: skip


def conflicting_events(bronze: RawRows, key: bytes, versions: DataFrame, set_aside: DataFrame) -> DataFrame:
    """Rows of silver.quarantine: events with a contested id whose content is not the one that is kept.

    Args:
        bronze: rows of bronze.events that may have such ids, by declaration.
        versions: of `versions.with_outcomes`.
        set_aside: row_id of the rows that are in quarantine for another reason.
    """
    contested = versions.where("outcome = 'conflict'").select("event_id").distinct()
    kept = versions.where("outcome = 'kept'").join(contested, "event_id", "left_semi")
    winners = kept.select("event_id", F.col("content").alias("kept_content"), F.col("event_at").alias("kept_at"))
    rows = reduce(DataFrame.unionByName, [identified_events(frame, cleaning, key) for frame, cleaning in bronze])
    others = rows.join(winners, "event_id").where("content <> kept_content").join(set_aside, "row_id", "left_anti")
    kept_at = F.date_format("kept_at", "yyyy-MM-dd HH:mm:ss")
    reason = F.concat(
        F.lit("event_id '"), F.col("raw.event_id"), F.lit("' is also the id of another event, of "), kept_at
    )
    quarantined = others.withColumns({"rule": F.lit(RULE), "reason": reason, "raw": raw_map(CONTENT)})
    return quarantined.select(*columns_of("silver.quarantine"))
