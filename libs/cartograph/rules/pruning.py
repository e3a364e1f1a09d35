"""Which rules add information to simpler rules, and which itemsets are closed or maximal."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from cartograph.core.statistics.exact_tests import p_value


def with_improvement(rules: DataFrame, candidates: DataFrame) -> DataFrame:
    """The same rules with `improvement`, `is_redundant`, `p_productive`.

    `improvement` is the confidence gained over the best simpler rule, one with fewer items on the left (none at all
    included: then the confidence is the consequent's support) and the same right side (Bayardo, Agrawal & Gunopulos
    2000). A rule that gains nothing `is_redundant`. `p_productive` is the largest p value of the tests that each item
    on the left adds something given the others (Webb, "Discovering significant patterns", 2007).

    `candidates` holds the rules of any confidence, so that every simpler rule is found; both frames have the columns
    of `rules_from_itemsets` and `p_value`.
    """
    simpler = candidates.select(
        F.col("antecedent").alias("simpler"), "consequent", F.col("n_ab").alias("n_simpler_ab"),
        F.col("n_a").alias("n_simpler_a"),
    )  # fmt: skip
    longer = rules.where(F.size("antecedent") > 1).select(
        "antecedent", "consequent", "n_ab", "n_a", F.explode(_proper_subsets("antecedent")).alias("simpler")
    )
    # Within the baskets that hold the simpler left side: does the rest of it go with the right side?
    adds_nothing = p_value(F.col("n_ab"), F.col("n_a"), F.col("n_simpler_ab"), F.col("n_simpler_a"))
    is_next = F.size("simpler") == F.size("antecedent") - 1
    found = (
        longer.join(simpler, ["simpler", "consequent"])
        .withColumn("p", F.when(is_next, adds_nothing))
        .groupBy("antecedent", "consequent")
        .agg(F.max(F.col("n_simpler_ab") / F.col("n_simpler_a")).alias("best"), F.max("p").alias("p_next"))
    )
    best = F.greatest(F.col("n_b") / F.col("n"), F.coalesce("best", F.lit(0.0)))
    return (
        rules.join(found, ["antecedent", "consequent"], "left")
        .withColumn("improvement", F.col("n_ab") / F.col("n_a") - best)
        .withColumn("is_redundant", F.col("improvement") <= 0)
        .withColumn("p_productive", F.coalesce("p_next", "p_value"))
        .drop("best", "p_next")
    )


def _proper_subsets(column: str) -> Column:
    """Every subset of the sorted array but the empty one and the whole."""
    return F.expr(
        f"transform(sequence(1, shiftleft(1, size({column})) - 2), "
        f"mask -> filter({column}, (item, i) -> getbit(mask, i) = 1))"
    )


def with_closure(itemsets: DataFrame) -> DataFrame:
    """The same itemsets with `is_closed` and `is_maximal`.

    Closed: no superset is in the same number of baskets (Pasquier et al. 1999). Maximal: no superset is frequent at
    all (Bayardo 1998). Supersets are those mined: at the length limit an itemset counts as both.
    """
    # One item less is enough: what a larger superset shares in count, one of the next size shares too.
    parts = itemsets.where("n_items > 1").select(
        F.expr("explode(transform(itemset, item -> array_remove(itemset, item)))").alias("itemset"),
        F.col("n_baskets").alias("n_larger"),
    )
    larger = parts.groupBy("itemset").agg(F.max("n_larger").alias("n_larger"))
    return (
        itemsets.join(larger, "itemset", "left")
        .withColumn("is_closed", F.coalesce(F.col("n_larger") < F.col("n_baskets"), F.lit(True)))
        .withColumn("is_maximal", F.isnull("n_larger"))
        .drop("n_larger")
    )
