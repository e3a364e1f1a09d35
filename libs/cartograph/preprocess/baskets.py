"""Orders as they were placed."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F


def baskets(events: DataFrame) -> DataFrame:
    """One row per order of silver.events: order_id, user_id (null for guests), ordered_at (first line), product_ids.

    Returns remove nothing: a basket records what was bought together.
    """
    lines = events.where("event_type = 'purchase'").groupBy("order_id")
    return lines.agg(
        F.max("user_id").alias("user_id"),
        F.min("event_at").alias("ordered_at"),
        F.array_sort(F.collect_set("product_id")).alias("product_ids"),
    )


def touched_orders(versions: DataFrame) -> DataFrame:
    """order_id of the orders that new or replaced events belong to.

    Args:
        versions: of `versions.with_outcomes`.
    """
    events = versions.where("is_new = (outcome = 'kept')")
    return events.where("event_type = 'purchase'").select("order_id").distinct()
