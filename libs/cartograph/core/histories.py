"""Customer histories: what each customer did, oldest first."""

from __future__ import annotations

from datetime import date, timedelta

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F


def histories(events: DataFrame, max_length: int = 200) -> DataFrame:
    """One row per customer: user_id, product_ids, event_types, event_ats (aligned arrays, oldest first).

    The newest `max_length` events of a customer are kept, so that one busy robot cannot fill a worker's memory.
    Events of guests (user_id null) and returns are left out. Events of the same instant follow event_id.

    Args:
        events: rows of silver.events.
        max_length: events kept per customer.
    """
    newest_first = Window.partitionBy("user_id").orderBy(F.desc("event_at"), F.desc("event_id"))
    newest = (
        events.where("user_id IS NOT NULL AND event_type <> 'return'")
        .withColumn("age", F.row_number().over(newest_first))
        .where(F.col("age") <= max_length)
    )
    step = F.struct("event_at", "event_id", "product_id", "event_type")
    steps = newest.groupBy("user_id").agg(F.sort_array(F.collect_list(step)).alias("steps"))
    return steps.select(
        "user_id",
        F.col("steps.product_id").alias("product_ids"),
        F.col("steps.event_type").alias("event_types"),
        F.col("steps.event_at").alias("event_ats"),
    )


def active(users: DataFrame, as_of: date | None, days: int | None) -> DataFrame:
    """The customers of `histories` with an event in the last `days` before `as_of`; all of them if `days` is None."""
    if days is None or as_of is None:
        return users
    since = as_of - timedelta(days=days)
    return users.where(F.element_at("event_ats", -1) >= F.lit(since).cast("timestamp"))
