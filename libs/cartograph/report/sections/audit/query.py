"""What the audit of the day found."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.report.report_day import ReportDay
from cartograph.report.rows import Values, rows_of

LABEL = "Audit"


def content(day: ReportDay) -> Values:
    """The day, and audit, as `audit` gives it."""
    return {"as_of": str(day.as_of), "audit": audit(day.read("gold.audit"))}


def audit(rows: DataFrame) -> Values | None:
    """What was audited: n_checks, n_checked, leaks (table, check, n_leaked, example); None if the audit did not run."""
    total = rows_of(rows.agg(F.count(F.lit(1)).alias("n_checks"), F.sum("n_checked").alias("n_checked")))[0]
    if not total["n_checks"]:
        return None
    leaks = rows.where("n_leaked > 0").select("table", "check", "n_leaked", "example").orderBy("table", "check")
    return total | {"leaks": rows_of(leaks)}
