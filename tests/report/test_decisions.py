"""What the page says of decisions, from rows of their tables."""

from __future__ import annotations

from datetime import date

from pyspark.sql import SparkSession

from cartograph.core.tables import schema
from cartograph.report import decisions

DAY = date(2011, 5, 1)


def test_methods_of_fusing_are_told_best_first(spark: SparkSession) -> None:
    row = {"as_of": DAY, "method": "learned", "learned_from": date(2011, 4, 1), "ndcg": {"rrf": 0.1, "learned": 0.3}}
    told = decisions.fusion(spark.createDataFrame([row], schema.table("gold.fusion").columns))
    assert told == {
        "method": "learned", "learned_from": "2011-04-01",
        "ndcg": [{"method": "learned", "value": 0.3}, {"method": "rrf", "value": 0.1}],
    }  # fmt: skip


def test_a_day_without_a_fusion_or_an_audit_tells_nothing(spark: SparkSession) -> None:
    assert decisions.fusion(spark.createDataFrame([], schema.table("gold.fusion").columns)) is None
    assert decisions.audit(spark.createDataFrame([], schema.table("gold.audit").columns)) is None


def test_an_audit_is_told_by_its_sums_and_its_leaks(spark: SparkSession) -> None:
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
    told = decisions.audit(spark.createDataFrame(rows, schema.table("gold.audit").columns))
    assert told == {
        "n_checks": 2, "n_checked": 100,
        "leaks": [{"table": "gold.candidates", "check": "products", "n_leaked": 2, "example": "vase"}],
    }  # fmt: skip
