"""Who had to do with what, and how strongly: events summed up per customer and product."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

EVENT_WEIGHTS: Mapping[str, float] = MappingProxyType({"view": 0.2, "cart": 0.5, "purchase": 1.0, "rating": 1.0})


def interactions(
    events: DataFrame, event_weights: Mapping[str, float] = EVENT_WEIGHTS, newest: int | None = None
) -> DataFrame:
    """One row per customer and product: user_id, product_id, weight (double), last_at.

    The weight is the sum of the events' weights; event types without a weight, and guests, are left out.

    Args:
        events: rows of silver.events.
        newest: keep this many products per customer, those touched last. Work on pairs grows with the square of a
            history, so without a cap one robot or wholesaler costs more than all other customers together.
    """
    counts = {name: F.count_if(F.col("event_type") == name) for name in sorted(event_weights)}
    # Whole counts times weights, not a sum of weights: the same to the last bit in whatever order rows arrive.
    weight = sum((F.lit(float(event_weights[name])) * count for name, count in counts.items()), F.lit(0.0))
    known = events.where(F.col("user_id").isNotNull() & F.col("event_type").isin(*event_weights))
    found = known.groupBy("user_id", "product_id").agg(weight.alias("weight"), F.max("event_at").alias("last_at"))
    if newest is None:
        return found
    newest_first = Window.partitionBy("user_id").orderBy(F.desc("last_at"), F.asc("product_id"))
    return found.withColumn("age", F.row_number().over(newest_first)).where(F.col("age") <= newest).drop("age")
