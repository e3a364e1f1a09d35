"""Rules `antecedent => consequent` out of frequent itemsets, by joins (Agrawal & Srikant 1994)."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from cartograph.rules.counting import count_itemsets


def rules_from_itemsets(itemsets: DataFrame, min_confidence: float = 0.1, max_consequent: int = 1) -> DataFrame:
    """Every split of an itemset into two sides with a confidence of at least `min_confidence`.

    Columns: `antecedent`, `consequent` (array<string>, sorted), and the baskets that hold both sides, each side, and
    all baskets: `n_ab`, `n_a`, `n_b`, `n` (long). `itemsets` is what `mine` gives: it holds every subset of each of
    its itemsets. `max_consequent` is the maximum size of the consequent.
    """
    splits = itemsets.where("n_items > 1").select(
        F.explode(_splits(max_consequent)).alias("split"),
        F.col("n_baskets").alias("n_ab"),
        F.round(F.col("n_baskets") / F.col("support")).cast("long").alias("n"),
    )
    rules = splits.select("split.antecedent", "split.consequent", "n_ab", "n")
    rules = rules.join(_sides(itemsets, "antecedent", "n_a"), "antecedent")
    rules = rules.where(F.col("n_ab") / F.col("n_a") >= min_confidence)
    rules = rules.join(_sides(itemsets.where(F.col("n_items") <= max_consequent), "consequent", "n_b"), "consequent")
    return rules.select("antecedent", "consequent", "n_ab", "n_a", "n_b", "n")


def with_subsets(itemsets: DataFrame, baskets: DataFrame) -> DataFrame:
    """The same itemsets and their missing subsets, counted here: needed after `mine` with rare_support.

    Same columns. `baskets` are those that were mined.
    """
    masks = "sequence(1, shiftleft(1, n_items) - 2)"
    subsets = F.expr(f"transform({masks}, mask -> filter(itemset, (item, i) -> getbit(mask, i) = 1))")
    parts = itemsets.where("n_items > 2").select(F.explode(subsets).alias("itemset")).distinct()
    missing = parts.join(itemsets, "itemset", "left_anti")
    # An item alone is always there: its share gives the number of all baskets.
    n = itemsets.agg(F.max(F.round(F.col("n_baskets") / F.col("support")))).collect()[0][0]
    counted = count_itemsets(missing, baskets).select(
        "itemset", F.size("itemset").alias("n_items"), "n_baskets", (F.col("n_baskets") / F.lit(n)).alias("support")
    )
    return itemsets.select(*counted.columns).unionByName(counted)


def _splits(max_consequent: int) -> Column:
    """Array of (antecedent, consequent) of column `itemset`: a mask's set bits are the items of the consequent."""
    masks = "transform(sequence(0, n_items - 1), i -> shiftleft(1, i))"
    if max_consequent > 1:
        masks = f"filter(sequence(1, shiftleft(1, n_items) - 2), mask -> bit_count(mask) <= {max_consequent})"
    side = "filter(itemset, (item, i) -> getbit(mask, i) = {})"
    return F.expr(
        f"transform({masks}, mask -> named_struct('antecedent', {side.format(0)}, 'consequent', {side.format(1)}))"
    )


def _sides(itemsets: DataFrame, side: str, count: str) -> DataFrame:
    return itemsets.select(F.col("itemset").alias(side), F.col("n_baskets").alias(count))
