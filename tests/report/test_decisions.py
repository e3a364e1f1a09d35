"""How the page reads the tables of"""

from __future__ import annotations

from datetime import date

from pyspark.sql import SparkSession

from cartograph.core.tables import schema
from cartograph.report.sections.audit.query import audit
from cartograph.report.sections.models.query import fusion

DAY = date(2011, 5, 1)


def test_fusion_methods_come_best_first(spark: SparkSession) -> None:
    row = {"as_of": DAY, "method": "learned", "learned_from": date(2011, 4, 1), "ndcg": {"rrf": 0.1, "learned": 0.3}}
    found = fusion(spark.createDataFrame([row], schema.table("gold.fusion").columns))
    assert found == {
        "method": "learned", "learned_from": "2011-04-01",
        "ndcg": [{"method": "learned", "value": 0.3}, {"method": "rrf", "value": 0.1}],
    }  # fmt: skip


def test_a_day_without_fusion_or_audit_has_none(spark: SparkSession) -> None:
    assert fusion(spark.createDataFrame([], schema.table("gold.fusion").columns)) is None
    assert audit(spark.createDataFrame([], schema.table("gold.audit").columns)) is None


def test_an_audit_is_its_totals_and_its_leaks(spark: SparkSession) -> None:
    rows = [
        {"as_of": DAY, "table": "gold.rules", "check": "products", "n_checked": 40, "n_leaked": 0, "example": None},
        {
            "as_of": DAY,
            "table": "gold.candidates",
            "check": "products",
            "n_checked": 60,
            "n_leaked": 2,
            "example": "vase",
        },
    ]
    found = audit(spark.createDataFrame(rows, schema.table("gold.audit").columns))
    assert found == {
        "n_checks": 2, "n_checked": 100,
        "leaks": [{"table": "gold.candidates", "check": "products", "n_leaked": 2, "example": "vase"}],
    }  # fmt: skip
