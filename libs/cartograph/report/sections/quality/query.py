"""How many of the delivered rows were kept, and why some are in quarantine."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.report.report_day import ReportDay
from cartograph.report.rows import Values, rows_of

LABEL = "Data quality"


def content(day: ReportDay) -> Values:
    """ledger and reasons, as the functions below give them."""
    return {
        "ledger": ledger_totals(day.read_all("silver.ledger")),
        "reasons": quarantine_reasons(day.read_all("silver.quarantine")),
    }


def ledger_totals(ledger: DataFrame) -> Values:
    """Rows in, kept, merged, quarantined and duplicate, over all batches."""
    names = ("n_in", "n_kept", "n_merged", "n_quarantined", "n_duplicates")
    totals = ledger.agg(*[F.coalesce(F.sum(name), F.lit(0)).alias(name) for name in names])
    return rows_of(totals)[0]


def quarantine_reasons(quarantine: DataFrame, limit: int = 20) -> list[Values]:
    """Quarantined rows per rule, most frequent first: rule, n, example (the reason given for one of the rows)."""
    counts = quarantine.groupBy("rule").agg(F.count(F.lit(1)).alias("n"), F.min("reason").alias("example"))
    return rows_of(counts.orderBy(F.desc("n"), "rule").limit(limit))
