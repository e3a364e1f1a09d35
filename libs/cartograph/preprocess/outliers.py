"""Robust fences: which quantities and prices are too far from the others of their batch to be true.

A fence depends on its own batch alone, and quantiles are exact: so a row's fate is the same whichever batches are
processed with it, and however often.
"""

from __future__ import annotations

import math

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

# Where most lines are of one or two pieces, or of one price, the quartiles nearly meet, and what is far must still be
# far: a wholesaler's order of some hundred pieces is true.
_MIN_IQR = {"quantity": math.log(8), "unit_price": math.log(4)}


def marked(rows: DataFrame, fence: float, ratio: float, price_fence: float, min_rows: int) -> DataFrame:
    """The rows with `is_far_quantity` and `is_far_price`: true, false, or null where there is nothing to say.

    A quantity is far above the batch's fence, Tukey's on the logarithm: Q3 + fence * IQR (Exploratory Data Analysis,
    1977). A price is far when it is more than `ratio` times above or below the median of the product's positive prices
    in the batch; of products with fewer than `min_rows` of them, when it lies above the fence of all prices.

    The few prices that are far are found among the distinct ones, so that the rows themselves are not shuffled. The
    distinct ones are counted right here, in one pass: three uses would be three passes. What is counted is a sum and
    not a filter, because Spark would copy the making of every column into each place where a filter uses it.
    """
    is_good = F.expr("rule IS NULL AND (quantity > 0 OR unit_price > 0)")
    counted = rows.groupBy("batch_id", "product_id", "unit_price", "quantity").agg(F.count_if(is_good).alias("n"))
    lines = counted.where("n > 0").localCheckpoint()
    fences = lines.groupBy("batch_id").agg(
        _upper_fence("quantity", fence).alias("max_quantity"),
        _upper_fence("unit_price", price_fence).alias("max_price"),
    )
    far = _far_prices(lines, fences, ratio, min_rows).withColumn("is_far_price", F.lit(True))
    with_fences = rows.join(F.broadcast(fences.drop("max_price")), "batch_id", "left")
    with_prices = with_fences.join(F.broadcast(far), ["batch_id", "product_id", "unit_price"], "left")
    return with_prices.withColumn("is_far_quantity", F.col("quantity") > F.col("max_quantity")).drop("max_quantity")


def _far_prices(lines: DataFrame, fences: DataFrame, ratio: float, min_rows: int) -> DataFrame:
    """batch_id, product_id, unit_price: the prices that are far from what the product usually costs."""
    prices = lines.where("unit_price > 0")
    usual = prices.groupBy("batch_id", "product_id").agg(
        F.percentile("unit_price", 0.5, F.col("n")).alias("usual_price"), F.sum("n").alias("n_lines")
    )
    known = prices.join(F.broadcast(fences), "batch_id").join(usual, ["batch_id", "product_id"])
    price, middle = F.col("unit_price"), F.col("usual_price")
    is_unusual = (price > ratio * middle) | (price * ratio < middle)
    is_far = F.when(F.col("n_lines") >= min_rows, is_unusual).otherwise(price > F.col("max_price"))
    return known.where(is_far).select("batch_id", "product_id", "unit_price").distinct()


def _upper_fence(column: str, fence: float) -> Column:
    """Q3 + fence * IQR of the positive values' logarithms, as a value; each line counts `n` times."""
    logarithm = F.when(F.col(column) > 0, F.ln(column))
    first, third = (F.percentile(logarithm, share, F.col("n")) for share in (0.25, 0.75))
    return F.exp(third + fence * F.greatest(third - first, F.lit(_MIN_IQR[column])))
