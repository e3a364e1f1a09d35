"""Robust fences: which quantities and prices are too far from the others of their batch to be true.

A fence depends on its own batch alone, so a row's fate is the same whichever batches are processed with it.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

_MIN_IQR = 1.3862943611198906  # ln 4: where most lines are of one piece, a hundred may still be true


def with_fences(rows: DataFrame, fence: float, price_fence: float, min_rows: int) -> DataFrame:
    """The rows with `max_quantity` and `max_price` of their batch and `usual_price` of their product in it, null if unknown.

    The fences are Tukey's on the logarithm, Q3 + fence * IQR over the batch (Exploratory Data Analysis, 1977). The usual
    price is the median of the product's positive prices in the batch, if there are at least `min_rows`.
    """
    good = rows.where("rule IS NULL")
    batches = good.groupBy("batch_id").agg(
        _upper_fence("quantity", fence).alias("max_quantity"), _upper_fence("unit_price", price_fence).alias("max_price")
    )
    prices = good.where("unit_price > 0").groupBy("batch_id", "product_id")
    prices = prices.agg(F.percentile_approx("unit_price", 0.5, 100).alias("usual_price"), F.count("*").alias("n"))
    usual = prices.where(F.col("n") >= min_rows).drop("n")
    return rows.join(F.broadcast(batches), "batch_id", "left").join(usual, ["batch_id", "product_id"], "left")


def _upper_fence(column: str, fence: float) -> Column:
    """Q3 + fence * IQR of the positive values' logarithms, as a value."""
    logarithm = F.when(F.col(column) > 0, F.ln(column))
    quartiles = F.percentile_approx(logarithm, [0.25, 0.75], 1000)
    return F.exp(quartiles[1] + fence * F.greatest(quartiles[1] - quartiles[0], F.lit(_MIN_IQR)))


def is_far_quantity() -> Column:
    """More pieces than the batch's fence allows."""
    return F.col("quantity") > F.col("max_quantity")


def is_far_price(ratio: float) -> Column:
    """A price more than `ratio` times above or below what the product usually costs; for rare products the batch's fence."""
    price, usual = F.col("unit_price"), F.col("usual_price")
    is_unusual = (price > ratio * usual) | (price * ratio < usual)
    return (price > 0) & F.coalesce(is_unusual, price > F.col("max_price"))
