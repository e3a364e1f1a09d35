"""How the models compare, how their lists are fused into one, and which model should serve."""

from __future__ import annotations

from datetime import date

from pyspark.sql import DataFrame

from cartograph.core.statistics.metrics import LOWER_IS_BETTER
from cartograph.report.report_day import ReportDay
from cartograph.report.rows import Values, newest_before, rows_of

LABEL = "Models"


def content(day: ReportDay) -> Values:
    """evaluation, fusion and promotions, as the functions below give them, and what is needed to read them."""
    return {
        "evaluation": evaluations(day.read_all("gold.evaluation"), day.as_of),
        "fusion": fusion(day.read("gold.fusion")),
        "promotions": promotions(day.read_all("gold.promotions"), day.as_of),
        "horizon_days": day.horizon_days,
        "k_fusion": day.k_fusion,
        "lower_is_better": sorted(LOWER_IS_BETTER),
    }


def evaluations(evaluation: DataFrame, as_of: date) -> list[Values]:
    """Every value of the newest evaluation before `as_of`, in the columns of gold.evaluation."""
    return rows_of(newest_before(evaluation, as_of).orderBy("model", "slice", "metric", "k"))


def fusion(rows: DataFrame) -> Values | None:
    """How the lists of the day were fused: method, learned_from, ndcg (by method, best first); None if unknown."""
    found = rows_of(rows.select("method", "learned_from", "ndcg"))
    if not found:
        return None
    ndcg = sorted((found[0]["ndcg"] or {}).items(), key=lambda item: -(item[1] or 0.0))
    return found[0] | {"ndcg": [{"method": method, "value": value} for method, value in ndcg]}


def promotions(rows: DataFrame, as_of: date) -> list[Values]:
    """The newest decisions before `as_of`, with champion, challenger, metric, k, difference, low, high and reasons."""
    columns = ["as_of", "champion", "challenger", "metric", "k", "difference", "low", "high", "decision", "reasons"]
    return rows_of(newest_before(rows, as_of).select(*columns).orderBy("challenger"))
