"""Ratings as preferences: a number from -1 (disliked) to 1 (liked), whatever scale a shop rates on."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from cartograph.core.views.settings import RatingsSettings

_STEPS = 2000  # of liking, by which ratings of one instant are distinguished


def liking_of(rating: Column, ratings: RatingsSettings) -> Column:
    """-1 at the lowest rating, 0 at the neutral one, 1 at the highest, straight lines between; null for null.

    A rating off the scale fails the query that reads it: it has no meaning.
    """
    lowest, highest = ratings.scale
    middle = (lowest + highest) / 2 if ratings.neutral is None else ratings.neutral
    above = (rating - middle) / (highest - middle)
    below = (rating - middle) / (middle - lowest) if middle > lowest else F.lit(0.0)
    strange = F.concat(
        F.lit("silver.events holds a rating of "), rating.cast("string"),
        F.lit(f", but ratings.scale is [{lowest:g}, {highest:g}]: set the scale that the shop rates on, "
              "or convert the ratings of a source in its declaration"),
    )  # fmt: skip
    known = F.when(rating >= middle, above).otherwise(below)
    off = (rating < lowest) | (rating > highest)
    return F.when(off, F.raise_error(strange).cast("double")).otherwise(known)


def with_liking(events: DataFrame, ratings: RatingsSettings | None = None) -> DataFrame:
    """The same events and `liking` (double), null of events that are not ratings; events that have it stay as they are.

    Args:
        events: rows of silver.events.
        ratings: their scale; None: one to five stars.
    """
    if "liking" in events.columns:
        return events
    if "rating" not in events.columns:
        return events.withColumn("liking", F.lit(None).cast("double"))
    rated = F.when(F.col("event_type") == "rating", F.col("rating").cast("double"))
    return events.withColumn("liking", liking_of(rated, ratings or RatingsSettings()))


def last_liking(value: Column | None = None) -> Column:
    """Aggregates events to the liking of the last rating (or `value` at it), null without one; see `with_liking`.

    Of ratings of one instant the lowest counts. The order is one whole number, so that Spark can aggregate by hash.
    """
    liking = F.col("liking")
    order = F.unix_millis("event_at") * (2 * _STEPS + 1) + ((1 - liking) * _STEPS).cast("long")
    return F.max_by(liking if value is None else value, order)
