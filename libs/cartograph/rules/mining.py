"""Frequent itemsets of baskets, by one of two exact engines.

`mllib` is Spark's own parallel FP-Growth (Li et al., "PFP: parallel FP-growth for query recommendation", 2008).
"""

from __future__ import annotations

from pyspark.ml.fpm import FPGrowth
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.core.baskets import distinct_items, minimum_count
from cartograph.rules.native import mine_native

ENGINES = ("auto", "mllib", "native")


def mine(baskets: DataFrame, min_support: float = 0.001, engine: str = "mllib", max_length: int = 5) -> DataFrame:
    """Every itemset in at least the share `min_support` of the baskets.

    Columns: `itemset array<string>` (sorted), `n_items int`, `n_baskets long`, `support double`. Empty baskets
    hold no itemset but count in the denominator. `max_length` is the largest `n_items`; 0 means no limit.

    Raises:
        ValueError: `min_support` is not in (0, 1], or `engine` is unknown.
    """
    if not 0 < min_support <= 1:
        raise ValueError(f"min_support is a share of the baskets in (0, 1], not {min_support}")
    if engine not in ENGINES:
        raise ValueError(f"no engine {engine!r}; the engines are {', '.join(ENGINES)}")
    if engine == "mllib":
        return _mine_with_mllib(baskets, min_support, max_length)
    return mine_native(baskets, min_support, max_length)


def _mine_with_mllib(baskets: DataFrame, min_support: float, max_length: int) -> DataFrame:
    n_baskets = baskets.count()
    items = distinct_items(baskets).select(F.col("product_ids").alias("items")).where(F.size("items") > 0)
    # Half a basket below the count, so that MLlib's own rounding up lands exactly on it.
    least = (minimum_count(min_support, n_baskets) - 0.5) / max(n_baskets, 1)
    itemsets = FPGrowth(itemsCol="items", minSupport=least).fit(items).freqItemsets
    found = itemsets.select(
        F.array_sort("items").alias("itemset"), F.size("items").alias("n_items"), F.col("freq").alias("n_baskets")
    )
    if max_length:
        found = found.where(F.col("n_items") <= max_length)
    return found.withColumn("support", F.col("n_baskets") / F.lit(n_baskets))
