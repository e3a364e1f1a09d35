"""Rules with every measure, significance tests, and whether they add anything to simpler rules."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.core.statistics.exact_tests import hyper_lift, p_value
from cartograph.core.statistics.rule_measures import with_measures
from cartograph.rules.counting import count_itemsets
from cartograph.rules.derivation import rules_from_itemsets, with_subsets
from cartograph.rules.pruning import with_closure, with_improvement
from cartograph.rules.settings import MiningSettings, RuleEvaluationSettings
from cartograph.rules.significance import layers, with_q_values

_COUNTS = ("n_ab", "n_a", "n_b", "n")


def evaluated_rules(
    itemsets: DataFrame, baskets: DataFrame, mining: MiningSettings, evaluation: RuleEvaluationSettings
) -> DataFrame:
    """The rules of the itemsets with the columns of gold.rules, but as_of and those of the holdout.

    Every rule of the itemsets is tested, and those of `min_confidence` are returned: filtering by confidence before
    testing would bias the p values. A rule `is_productive` when each item of its antecedent adds something to the
    others at `level` (`p_productive`), and `is_significant` when that holds after correction for all rules tested
    (`p_layered`): the probability of even one false discovery is at most `level`.

    Args:
        itemsets: what `mine` gives of `baskets`; both are read several times, so persist them.
        baskets: those that were mined.
        mining: what they were mined with.
        evaluation: the significance level.
    """
    # With rare_support, some subsets of the itemsets are missing.
    known = itemsets if mining.rare_support is None else with_subsets(itemsets, baskets).localCheckpoint()
    candidates = rules_from_itemsets(known, 0.0, mining.max_consequent)
    # Checkpointed, as what follows reads them three times.
    candidates = candidates.withColumn("p_value", p_value(*(F.col(name) for name in _COUNTS))).localCheckpoint()
    tested = with_q_values(candidates, layers(known, mining.max_consequent))
    confident = tested.where(F.col("n_ab") / F.col("n_a") >= mining.min_confidence)
    rules = with_measures(with_improvement(confident, candidates)).withColumns(
        {
            "p_layered": F.least(F.lit(1.0), F.col("p_productive") * F.col("n_tests")),
            "hyper_lift": hyper_lift(*(F.col(name) for name in _COUNTS)),
            "hyper_confidence": 1 - F.col("p_value"),
            "itemset": F.array_sort(F.concat("antecedent", "consequent")),
        }
    )
    marked = rules.withColumns(
        {
            "is_productive": F.col("p_productive") <= evaluation.level,
            "is_significant": F.col("p_layered") <= evaluation.level,
        }
    )
    names = {"n_ab": "n_baskets", "n_a": "n_antecedent", "n_b": "n_consequent"}
    attributes = _attributes(itemsets, baskets)
    return marked.join(attributes, "itemset").withColumnsRenamed(names).drop("itemset", "n_tests", "n")


def _attributes(itemsets: DataFrame, baskets: DataFrame) -> DataFrame:
    """Per itemset of two and more: `is_closed`, `is_maximal`, `n_users`."""
    marked = with_closure(itemsets).where("n_items > 1").select("itemset", "is_closed", "is_maximal")
    counted = count_itemsets(itemsets.where("n_items > 1"), baskets).select("itemset", "n_users")
    return marked.join(counted, "itemset", "left").fillna(0, ["n_users"])


def with_holdout(rules: DataFrame, later: DataFrame) -> DataFrame:
    """The same rules with `holdout_baskets`, `holdout_confidence`, `holdout_lift`: how they hold in later baskets.

    Counted in `later` (`product_ids`, and `user_id`), baskets that the rules were not derived from. Confidence and
    lift are null if nobody bought the antecedent; the lift is null, too, if nobody bought the consequent.
    """
    both = F.array_sort(F.concat("antecedent", "consequent"))
    sides = rules.select(F.explode(F.array("antecedent", "consequent", both)).alias("itemset")).distinct()
    counted = count_itemsets(sides, later).select("itemset", "n_baskets").localCheckpoint()
    n_later = later.count()
    tested = rules.withColumn("itemset", both)
    for side, name in (("antecedent", "_a"), ("consequent", "_b"), ("itemset", "holdout_baskets")):
        of_side = counted.select(F.col("itemset").alias(side), F.col("n_baskets").alias(name))
        tested = tested.join(of_side, side, "left").fillna(0, [name])
    confidence = F.col("holdout_baskets") / F.nullif("_a", F.lit(0))
    return (
        tested.withColumn("holdout_confidence", confidence)
        .withColumn("holdout_lift", confidence / F.nullif("_b", F.lit(0)) * n_later)
        .select(*rules.columns, "holdout_baskets", "holdout_confidence", "holdout_lift")
    )
