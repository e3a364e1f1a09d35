"""Customer histories: what each customer did, oldest first, and what is not to be recommended to them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from cartograph.core.views.liking import with_liking
from cartograph.core.views.seen import SEEN_BY, is_seeing
from cartograph.core.workers.groups import no_values


def histories(events: DataFrame, max_length: int = 200, seen_by: Sequence[str] = SEEN_BY) -> DataFrame:
    """One row per customer: user_id, product_ids, event_types, event_ats (aligned arrays, oldest first) and more.

    The newest `max_length` events of a customer are kept, so that one busy bot cannot fill a worker's memory.
    Events of guests (user_id null) and returns are left out. Events of the same instant follow event_id. `last_at` is
    the time of the last event.

    Lists are made from the arrays and leave out `seen_ids`, all products that the customer has seen, each once, however
    long ago, and `disliked_ids`, those that their last rating dislikes (`core.views.liking`). Disliked products are in
    no history, whatever else happened to them: nothing similar should be recommended.

    Args:
        events: rows of silver.events.
        max_length: events kept per customer.
        seen_by: types of events that make a product seen, see `core.views.seen`.
    """
    newest_first = Window.partitionBy("user_id").orderBy(F.desc("event_at"), F.desc("event_id"))
    known = with_liking(events).where("user_id IS NOT NULL AND event_type <> 'return'")
    aged = known.withColumn("age", F.row_number().over(newest_first))
    step = F.struct("event_at", "event_id", "product_id", "event_type")
    # Of ratings of one instant the lowest counts, as in `liking.last_liking`.
    mark = F.struct("product_id", F.unix_millis("event_at").alias("at"), (-F.col("liking")).alias("dislike"))
    steps = aged.groupBy("user_id").agg(
        F.sort_array(F.collect_list(F.when(F.col("age") <= max_length, step))).alias("steps"),
        F.collect_set(F.when(is_seeing(seen_by), F.col("product_id"))).alias("seen_ids"),
        F.collect_list(F.when(F.col("liking").isNotNull(), mark)).alias("marks"),
        F.max("event_at").alias("last_at"),
        F.coalesce(F.min("liking") < 0, F.lit(False)).alias("dislikes"),
    )
    return _without_disliked(steps).select(
        "user_id",
        F.col("steps.product_id").alias("product_ids"),
        F.col("steps.event_type").alias("event_types"),
        F.col("steps.event_at").alias("event_ats"),
        "seen_ids",
        "disliked_ids",
        "last_at",
    )


def _without_disliked(steps: DataFrame) -> DataFrame:
    """The steps without those of products whose last rating is a dislike, which `disliked_ids` has.

    Args:
        steps: user_id, steps (oldest first), marks (of ratings), dislikes: whether any rating is one, as most customers
            have none.
    """
    marks = steps.withColumn("marks", F.when(F.col("dislikes"), F.sort_array("marks")))

    def is_last_and_low(mark: Column, place: Column) -> Column:
        return (mark["dislike"] > 0) & ~F.get("marks", place + 1)["product_id"].eqNullSafe(mark["product_id"])

    disliked = F.transform(F.filter("marks", is_last_and_low), lambda mark: mark["product_id"])
    found = marks.withColumn("disliked_ids", F.coalesce(disliked, no_values("string")))
    kept = F.filter("steps", lambda step: ~F.array_contains("disliked_ids", step["product_id"]))
    return found.withColumn("steps", F.when(F.size("disliked_ids") > 0, kept).otherwise(F.col("steps")))


def active(users: DataFrame, as_of: date | None, days: int | None) -> DataFrame:
    """The customers of `histories` with an event in the last `days` before `as_of`; all of them if `days` is None."""
    if days is None or as_of is None:
        return users
    since = as_of - timedelta(days=days)
    return users.where(F.col("last_at") >= F.lit(since).cast("timestamp"))
