"""What was decided about the lists, as plain values: how they were made one, who serves, and what the audit found."""

from __future__ import annotations

from datetime import date

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.report.content import Values, newest_before, rows_of


def fusion(rows: DataFrame) -> Values | None:
    """How the lists of the day were made one: method, learned_from, ndcg (by method, best first); None if unknown."""
    found = rows_of(rows.select("method", "learned_from", "ndcg"))
    if not found:
        return None
    ndcg = sorted((found[0]["ndcg"] or {}).items(), key=lambda item: -(item[1] or 0.0))
    return found[0] | {"ndcg": [{"method": method, "value": value} for method, value in ndcg]}


def promotions(rows: DataFrame, as_of: date) -> list[Values]:
    """The newest decisions before `as_of`, with champion, challenger, metric, k, difference, low, high and reasons."""
    columns = ["as_of", "champion", "challenger", "metric", "k", "difference", "low", "high", "decision", "reasons"]
    return rows_of(newest_before(rows, as_of).select(*columns).orderBy("challenger"))


def audit(rows: DataFrame) -> Values | None:
    """What the audit looked at: n_checks, n_checked, leaks (table, check, n_leaked, example); None if it ran not."""
    total = rows_of(rows.agg(F.count(F.lit(1)).alias("n_checks"), F.sum("n_checked").alias("n_checked")))[0]
    if not total["n_checks"]:
        return None
    leaks = rows.where("n_leaked > 0").select("table", "check", "n_leaked", "example").orderBy("table", "check")
    return total | {"leaks": rows_of(leaks)}
