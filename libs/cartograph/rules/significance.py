"""Significance of rules: p values corrected for the number of rules tested.

The p values themselves are those of `core.statistics.exact_tests`.
"""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F


def layers(itemsets: DataFrame, max_consequent: int = 1) -> DataFrame:
    """One row per rule size: `n_items`, `n_tests double`, how many rules of that size are hypotheses.

    A rule is a hypothesis when both its sides are frequent, whether or not they are ever seen together, so that
    testing only frequent pairs does not make them look surprising. `n_tests` is their number times the number of
    sizes: each size gets an equal share of the error that is allowed (Webb, "Layered critical values", 2008).
    """
    sides = itemsets.groupBy("n_items").agg(F.count("*").alias("n_sides"))
    left = sides.select(F.col("n_items").alias("n_left"), F.col("n_sides").alias("n_antecedents"))
    right = sides.where(F.col("n_items") <= max_consequent).select(
        F.col("n_items").alias("n_right"), F.col("n_sides").alias("n_consequents")
    )
    sizes = itemsets.agg(F.greatest(F.max("n_items") - 1, F.lit(1)).alias("n_sizes"))
    tests = F.col("n_antecedents").cast("double") * F.col("n_consequents")
    return (
        left.crossJoin(right)
        .groupBy((F.col("n_left") + F.col("n_right")).alias("n_items"))
        .agg(F.sum(tests).alias("n_tests"))
        .crossJoin(sizes)
        .select("n_items", (F.col("n_tests") * F.col("n_sizes")).alias("n_tests"))
    )


def with_q_values(rules: DataFrame, layers: DataFrame) -> DataFrame:
    """The same rules with `q_value` and `n_tests`.

    `q_value` (Benjamini & Hochberg 1995, within each rule size): of the rules accepted up to a q value, at most that
    share is expected to be false discoveries. A p value times `n_tests` is Bonferroni's, layered: among the rules
    accepted up to it, the probability of even one false discovery is at most that. `rules` has `antecedent`,
    `consequent` and `p_value`; `layers` is what the function of that name gives.
    """
    n_items = F.size("antecedent") + F.size("consequent")
    tested = rules.withColumn("n_items", n_items).join(F.broadcast(layers), "n_items")
    by_p = Window.partitionBy("n_items").orderBy("p_value", "antecedent", "consequent")
    falling = Window.partitionBy("n_items").orderBy(F.desc("place")).rowsBetween(Window.unboundedPreceding, 0)
    step = F.col("p_value") * F.col("n_tests") / F.col("place")
    return (
        tested.withColumn("place", F.row_number().over(by_p))
        .withColumn("q_value", F.least(F.lit(1.0), F.min(step).over(falling)))
        .drop("n_items", "place")
    )
