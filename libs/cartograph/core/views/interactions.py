"""Interactions of customers with products and their weights: events summed per customer and product."""

from __future__ import annotations

from collections.abc import Mapping

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from cartograph.core.event_types import EVENT_WEIGHTS
from cartograph.core.views.codes import numbered
from cartograph.core.views.liking import last_liking, with_liking

_SECONDS_PER_DAY = 86_400.0


def interactions(
    events: DataFrame,
    event_weights: Mapping[str, float] = EVENT_WEIGHTS,
    newest: int | None = None,
    half_life_days: float | None = None,
) -> DataFrame:
    """One row per customer and product: user_id, product_id, weight (double, not 0), last_at.

    The weight is the sum of the events' weights, negative where returns outweigh the rest; event types without a
    weight, and guests, are left out, and so are pairs whose weights cancel out. Of ratings the last one counts, for its
    liking (`core.views.liking`) times the weight of ratings: a neutral one has no weight, and a customer who
    dislikes a product has a negative weight whatever they did with it before.

    Args:
        events: rows of silver.events.
        event_weights: weight of an event by type; for ratings, that of the best one.
        newest: keep this many products per customer, those touched last. Work on pairs grows with the square of a
            history, so without a cap one bot or wholesale customer costs more than all other customers together.
        half_life_days: an event weighs half as much for each such period between it and the newest event.
    """
    known = with_liking(events).where(F.col("user_id").isNotNull() & F.col("event_type").isin(*event_weights))
    if half_life_days is not None:
        last = known.agg(F.max("event_at").alias("newest_at"))
        age = (F.unix_seconds("newest_at") - F.unix_seconds("event_at")) / F.lit(_SECONDS_PER_DAY)
        decay = F.pow(F.lit(0.5), age / F.lit(float(half_life_days)))
        known = known.crossJoin(F.broadcast(last)).withColumn("decay", decay).drop("newest_at")
    weight = _weight(event_weights, decayed=half_life_days is not None)
    found = (
        known.groupBy("user_id", "product_id")
        .agg(weight.alias("weight"), F.max("event_at").alias("last_at"))
        .where("weight <> 0")
    )
    if newest is None:
        return found
    newest_first = Window.partitionBy("user_id").orderBy(F.desc("last_at"), F.asc("product_id"))
    return found.withColumn("age", F.row_number().over(newest_first)).where(F.col("age") <= newest).drop("age")


def _weight(event_weights: Mapping[str, float], decayed: bool) -> Column:
    """Sum of the events' weights, the same to the last bit in whatever order rows arrive."""
    liked = disliked = F.lit(0.0)
    for name, weight in sorted(event_weights.items()):
        if name == "rating":
            continue
        is_one = F.col("event_type") == name
        if decayed:  # Sums of decays differ in their last bits, so they are rounded.
            count = F.round(F.coalesce(F.sum(F.when(is_one, F.col("decay"))), F.lit(0.0)), 9)
        else:
            count = F.count_if(is_one)
        if weight > 0:
            liked = liked + F.lit(float(weight)) * count
        else:
            disliked = disliked + F.lit(float(weight)) * count
    last = last_liking(F.col("liking") * F.col("decay")) if decayed else last_liking()
    rated = F.lit(float(event_weights.get("rating", 0.0))) * F.coalesce(last, F.lit(0.0))
    return F.round(disliked + rated + F.when(rated < 0, F.lit(0.0)).otherwise(liked), 9)


def debiased(weights: DataFrame, power: float) -> DataFrame:
    """The same pairs, with less weight for popular products: weight / (n / mean n) ** power.

    n is the number of a product's customers. With a propensity of being seen that grows as n ** power, this is inverse
    propensity scoring (Saito et al. 2020), which keeps the overall weight about where it was.

    Args:
        weights: user_id, product_id, weight and any further columns.
        power: 0: nothing changes; 0.5 is usual.
    """
    counts = weights.groupBy("product_id").agg(F.count("*").alias("n_customers"))
    mean = counts.agg(F.avg("n_customers").alias("mean_customers"))
    shares = counts.crossJoin(F.broadcast(mean)).select(
        "product_id", F.pow(F.col("n_customers") / F.col("mean_customers"), F.lit(-float(power))).alias("factor")
    )
    return weights.join(shares, "product_id").withColumn("weight", F.col("weight") * F.col("factor")).drop("factor")


def ratings(events: DataFrame) -> DataFrame:
    """One row per customer and product rated: user_id, product_id, weight (double, the last rating), last_at.

    Args:
        events: rows of silver.events.
    """
    rated = events.where("event_type = 'rating' AND rating IS NOT NULL AND user_id IS NOT NULL")
    last = F.max_by(F.col("rating").cast("double"), F.struct("event_at", "event_id"))
    return rated.groupBy("user_id", "product_id").agg(last.alias("weight"), F.max("event_at").alias("last_at"))


def coded_pairs(weights: DataFrame, known: DataFrame | None = None) -> tuple[DataFrame, DataFrame, DataFrame]:
    """The pairs by code (user, item, rating as float), and what the codes stand for (user_id, code; product_id, code).

    Args:
        weights: user_id, product_id, weight.
        known: those of the pairs whose customers and products get a code: pairs of others are left out. None: all.
    """
    known = weights if known is None else known
    users, products = numbered(known, "user_id"), numbered(known, "product_id")
    coded = weights.join(users.withColumnRenamed("code", "user"), "user_id").join(
        products.withColumnRenamed("code", "item"), "product_id"
    )
    return coded.select("user", "item", F.col("weight").cast("float").alias("rating")), users, products
