"""Robust fences: which quantities and prices are too far from the others of their batch to be true.

A fence depends on its own batch alone, so a row's fate is the same whichever batches are processed with it.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

_MIN_IQR = 0.6931471805599453  # ln 2: a shop that always sells one piece may still sell a few


def with_fences(rows: DataFrame, fence: float, min_rows: int) -> DataFrame:
    """Good rows' batches with `max_quantity`, and their products with `usual_price` (null: no outlier can be told).

    The quantity's fence is Tukey's outer one on the logarithm: Q3 + fence * IQR over the batch (Tukey, 1977). The usual
    price is the median of the product's positive prices in the batch, if there are at least `min_rows`.
    """
    good = rows.where("rule IS NULL")
    quartiles = F.percentile_approx(F.ln("quantity"), [0.25, 0.75], 1000)
    quantities = good.where("quantity > 0").groupBy("batch_id").agg(quartiles.alias("q"))
    iqr = F.greatest(F.col("q")[1] - F.col("q")[0], F.lit(_MIN_IQR))
    quantities = quantities.select("batch_id", F.exp(F.col("q")[1] + fence * iqr).alias("max_quantity"))
    prices = good.where("unit_price > 0").groupBy("batch_id", "product_id")
    prices = prices.agg(F.percentile_approx("unit_price", 0.5, 100).alias("usual_price"), F.count("*").alias("n"))
    usual = prices.where(F.col("n") >= min_rows).drop("n")
    return rows.join(F.broadcast(quantities), "batch_id", "left").join(usual, ["batch_id", "product_id"], "left")


def is_far_quantity() -> Column:
    """More pieces than the batch's fence allows."""
    return F.col("quantity") > F.col("max_quantity")


def is_far_price(ratio: float) -> Column:
    """A price more than `ratio` times above or below what the product usually costs in the batch."""
    price, usual = F.col("unit_price"), F.col("usual_price")
    return (price > 0) & ((price > ratio * usual) | (price * ratio < usual))
