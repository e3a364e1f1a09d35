"""Which rules say something that simpler ones, or larger itemsets, do not already say."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F


def with_improvement(rules: DataFrame, itemsets: DataFrame) -> DataFrame:
    """The same rules with `improvement` (double) and `is_redundant` (boolean).

    Improvement is the rule's confidence less the best confidence of a rule with the same consequent and a proper
    part of its antecedent, the empty one included (Bayardo, Agrawal & Gunopulos 2000). A rule that improves on
    nothing is redundant. `rules` has the columns of `rules_from_itemsets`, `itemsets` is what `mine` gives.
    """
    masks = "sequence(1, shiftleft(1, size(antecedent)) - 2)"
    parts = F.expr(
        f"CASE WHEN size(antecedent) > 1 THEN "
        f"transform({masks}, mask -> filter(antecedent, (item, i) -> getbit(mask, i) = 1)) END"
    )
    simpler = rules.select("antecedent", "consequent", F.explode(parts).alias("part"))
    with_both = simpler.withColumn("both", F.array_sort(F.concat("part", "consequent")))
    best = (
        with_both.join(_counts(itemsets, "part", "n_part"), "part")
        .join(_counts(itemsets, "both", "n_both"), "both")
        .groupBy("antecedent", "consequent")
        .agg(F.max(F.col("n_both") / F.col("n_part")).alias("best"))
    )
    improvement = F.col("n_ab") / F.col("n_a") - F.greatest(F.coalesce("best", F.lit(0.0)), F.col("n_b") / F.col("n"))
    return (
        rules.join(best, ["antecedent", "consequent"], "left")
        .withColumn("improvement", improvement)
        .withColumn("is_redundant", improvement <= 0)
        .drop("best")
    )


def with_closure(rules: DataFrame, itemsets: DataFrame) -> DataFrame:
    """The same rules with `is_closed` and `is_maximal` (boolean), of the itemset that both sides make.

    Closed: no larger itemset is in as many baskets (Pasquier et al. 1999). Maximal: no larger one is frequent. An
    itemset of the largest length mined is judged by what was mined, so it counts as both.
    """
    subsets = F.expr("transform(itemset, left_out -> filter(itemset, item -> item <> left_out))")
    supersets = (
        itemsets.where("n_items > 2")
        .select(F.explode(subsets).alias("itemset"), "n_baskets")
        .groupBy("itemset")
        .agg(F.max("n_baskets").alias("n_superset"))
    )
    return (
        rules.withColumn("itemset", F.array_sort(F.concat("antecedent", "consequent")))
        .join(supersets, "itemset", "left")
        .withColumn("is_closed", F.coalesce(F.col("n_superset") < F.col("n_ab"), F.lit(True)))
        .withColumn("is_maximal", F.col("n_superset").isNull())
        .drop("itemset", "n_superset")
    )


def with_customers(rules: DataFrame, baskets: DataFrame) -> DataFrame:
    """The same rules with `n_users` (long): the known customers who bought both sides in one basket.

    Each rule looks at the baskets of one of its items only, the first; guests are nobody's customer.
    """
    sides = F.concat("antecedent", "consequent")
    wanted = rules.select("antecedent", "consequent", sides.alias("items")).withColumn("item", F.col("items")[0])
    bought = baskets.where("user_id IS NOT NULL").select(
        "user_id", "product_ids", F.explode("product_ids").alias("item")
    )
    counted = (
        wanted.join(bought, "item")
        .where(F.size(F.array_except("items", "product_ids")) == 0)
        .groupBy("antecedent", "consequent")
        .agg(F.countDistinct("user_id").alias("n_users"))
    )
    joined = rules.join(counted, ["antecedent", "consequent"], "left")
    return joined.withColumn("n_users", F.coalesce("n_users", F.lit(0)).cast("long"))


def _counts(itemsets: DataFrame, name: str, count: str) -> DataFrame:
    return itemsets.select(F.col("itemset").alias(name), F.col("n_baskets").alias(count))
