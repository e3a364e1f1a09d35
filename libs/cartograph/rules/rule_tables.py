"""The tables of the step, by name: itemsets and rules of a day, the holdout of earlier rules, further analyses."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.core.model import Silver
from cartograph.core.tables.schema import table
from cartograph.rules.hierarchy import generalised_rules
from cartograph.rules.mining import mine
from cartograph.rules.rule_evaluation import evaluated_rules, with_holdout
from cartograph.rules.settings import MiningSettings, RuleEvaluationSettings, RulesSettings
from cartograph.rules.trends import with_trends
from cartograph.rules.utility import high_utility_itemsets, revenue_lines

_HOLDOUT = ("holdout_baskets", "holdout_confidence", "holdout_lift")


def mined_tables(
    baskets: DataFrame,
    earlier_run: DataFrame | None,
    mining: MiningSettings,
    evaluation: RuleEvaluationSettings,
    analyses: Sequence[str],
) -> dict[str, DataFrame]:
    """Rows of gold.itemsets (persisted, as the rules come from them) and of gold.rules.

    Args:
        baskets: those to mine, persisted.
        earlier_run: rows of gold.rules of the same day, whose holdout columns are kept.
        mining: supports and lengths, as the guard allows them.
        evaluation: significance level of the rules.
        analyses: names of further analyses; with `trends`, rules get the columns of their trend.
    """
    itemsets = mine(baskets, mining).persist()
    rules = evaluated_rules(itemsets, baskets, mining, evaluation)
    if "trends" in analyses:
        rules = with_trends(rules.localCheckpoint(), baskets, evaluation.level)
    if earlier_run is not None:
        key = ["antecedent", "consequent"]
        rules = rules.join(earlier_run.select(*key, *_HOLDOUT), key, "left")
    return {"gold.itemsets": itemsets, "gold.rules": _completed(rules)}


def holdout_tables(earlier: DataFrame, baskets: DataFrame, day: date) -> dict[str, DataFrame]:
    """Rows of gold.rules as of `day` with the holdout columns, from the baskets since then.

    Args:
        earlier: rows of gold.rules as of `day`.
        baskets: rows of silver.baskets, those before `day` included.
        day: when the rules were derived.
    """
    since = baskets.where(F.col("ordered_at") >= F.lit(day).cast("timestamp"))
    return {"gold.rules": _completed(with_holdout(earlier.drop(*_HOLDOUT), since))}


def analysis_tables(data: Silver, baskets: DataFrame, settings: RulesSettings) -> dict[str, DataFrame]:
    """Rows of gold.generalised_rules and gold.high_utility_itemsets, if `settings.analyses` has them.

    Args:
        data: events and products.
        baskets: those that pass the guard.
        settings: all settings of the step.
    """
    found = {}
    if "groups" in settings.analyses:
        found["gold.generalised_rules"] = generalised_rules(baskets, data.products, settings.groups)
    if "utility" in settings.analyses:
        found["gold.high_utility_itemsets"] = high_utility_itemsets(revenue_lines(data.events), settings.utility)
    return found


def _completed(rules: DataFrame) -> DataFrame:
    """The columns of gold.rules but as_of; those not known yet are null."""
    fields = [field for field in table("gold.rules").columns if field.name != "as_of"]
    unknown = {f.name: F.lit(None).cast(f.dataType) for f in fields if f.name not in rules.columns}
    return rules.withColumns(unknown).select(*[f.name for f in fields])
