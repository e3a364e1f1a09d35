"""How much interest a product draws in a place, as far as the log can tell: place times product.

A product's factor is its interest over what its places alone would have brought it (clicks over expected clicks, Zhang
and Jones 2007), shrunk to 1. What is said to one half of the customers is learned from the other half: a prediction
that had seen its own reward would make doubly robust estimates look narrower than they are.
"""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F


@dataclass(frozen=True)
class Rates:
    """`places`: side, rank, rate; `products`: side, product_id, factor. `side` is that of the customers told."""

    places: DataFrame
    products: DataFrame


def reward_rates(places: DataFrame, prior_strength: float) -> Rates:
    """Rates for each half of the customers, learned from the other.

    Args:
        places: user_id, rank, product_id, reward.
        prior_strength: expected interest that a product must have had to be believed half.
    """
    learned = places.withColumn("side", 1 - side())
    at_places = learned.groupBy("side", "rank").agg(F.avg("reward").alias("rate"))
    prior = F.lit(float(prior_strength))
    products = (
        learned.join(F.broadcast(at_places), ["side", "rank"])
        .groupBy("side", "product_id")
        .agg(((F.sum("reward") + prior) / (F.sum("rate") + prior)).alias("factor"))
    )
    return Rates(at_places, products)


def side() -> Column:
    """The half that a customer belongs to, 0 or 1."""
    return F.pmod(F.xxhash64("user_id"), F.lit(2)).cast("int")
