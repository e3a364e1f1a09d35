"""The reward model: how much interest a product attracts at a rank, as rate of the rank times factor of the product.

A product's factor is its interest over what its ranks alone would have brought it (clicks over expected clicks, Zhang
and Jones 2007), shrunk to 1. Predictions for one half of the customers are learned from the other half (cross-fitting):
a prediction that had seen its own reward would make doubly robust intervals too narrow.
"""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F


@dataclass(frozen=True)
class RewardRates:
    """`ranks`: side, rank, rate; `products`: side, product_id, factor. `side`: whom they are for."""

    ranks: DataFrame
    products: DataFrame


def reward_rates(logged: DataFrame, prior_strength: float) -> RewardRates:
    """Rates for each half of the customers, learned from the other.

    Args:
        logged: user_id, rank, product_id, reward.
        prior_strength: expected rewards at which a product's own rate gets half the weight.
    """
    learned = logged.withColumn("side", 1 - side())
    of_ranks = learned.groupBy("side", "rank").agg(F.avg("reward").alias("rate"))
    prior = F.lit(float(prior_strength))
    products = (
        learned.join(F.broadcast(of_ranks), ["side", "rank"])
        .groupBy("side", "product_id")
        .agg(((F.sum("reward") + prior) / (F.sum("rate") + prior)).alias("factor"))
    )
    return RewardRates(of_ranks, products)


def side() -> Column:
    """The half that a customer belongs to, 0 or 1."""
    return F.pmod(F.xxhash64("user_id"), F.lit(2)).cast("int")
