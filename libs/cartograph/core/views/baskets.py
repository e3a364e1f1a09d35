"""Baskets as several steps use them: distinct items, item counts, items coded by falling frequency.

A *baskets* frame has one row per order and at least `product_ids array<string>`.
"""

from __future__ import annotations

import math

from pyspark.sql import DataFrame
from pyspark.sql import functions as F


def distinct_items(baskets: DataFrame) -> DataFrame:
    """The same baskets, each product once, null products left out."""
    return baskets.withColumn("product_ids", F.array_distinct(F.array_compact("product_ids")))


def item_counts(baskets: DataFrame) -> DataFrame:
    """One row per product: `product_id`, `n_baskets` (long) that hold it."""
    lines = distinct_items(baskets).select(F.explode("product_ids").alias("product_id"))
    return lines.groupBy("product_id").agg(F.count("*").alias("n_baskets"))


def minimum_count(min_support: float, n_baskets: int) -> int:
    """The least number of baskets that is a share of at least `min_support`; never below one.

    The small allowance keeps 0.07 x 100 at 7, where floating point alone would make it 8.
    """
    return max(1, math.ceil(min_support * n_baskets - 1e-9))
