"""The association rules of the highest leverage."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.report.report_day import ReportDay
from cartograph.report.rows import Values, rows_of

LABEL = "Rules"


def content(day: ReportDay) -> Values:
    """rules, as `top_rules` gives them, and n_rules, how many there are in all."""
    return {"rules": top_rules(day.read("gold.rules"), day.settings.n_rules), "n_rules": day.n_rules}


def product_ids(content: Values) -> set[str]:
    """The products of both sides of the rules."""
    return {name for rule in content["rules"] for name in (*rule["antecedent"], *rule["consequent"])}


def top_rules(rules: DataFrame, limit: int) -> list[Values]:
    """Rules in descending order of leverage (baskets above those of independent sides); redundant ones left out.

    Values: antecedent, consequent (lists of product ids), n_baskets, support, confidence, lift, leverage, q_value,
    is_significant, trend.
    """
    shown = rules.where("not coalesce(is_redundant, false)").withColumn(
        "leverage", F.coalesce("leverage", F.col("support") * (1 - 1 / F.col("lift")))
    )
    measures = ("n_baskets", "support", "confidence", "lift", "leverage", "q_value", "is_significant", "trend")
    best = shown.orderBy(F.desc("leverage"), "antecedent", "consequent").limit(limit)
    return rows_of(best.select("antecedent", "consequent", *measures))
