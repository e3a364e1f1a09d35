"""Customers become rows of codes: their newest products, and what they wanted later where a period is kept apart."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from pyspark.sql import DataFrame, SparkSession

from cartograph.graph.customers import customers

START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def touched(spark: SparkSession) -> DataFrame:
    rows = [("ann", "a", 0), ("ann", "b", 1), ("ann", "c", 2), ("bob", "c", 2), ("cy", "b", 0)]
    dated = [(user, item, START + timedelta(days=days)) for user, item, days in rows]
    return spark.createDataFrame(dated, "user_id string, product_id string, last_at timestamp").persist()


def test_rows_hold_the_newest_products_in_order_and_degrees_count_them(touched: DataFrame) -> None:
    more = touched.sparkSession.createDataFrame([("aa",)], "product_id string")
    known = customers(touched, more, max_length=2)
    assert sorted(row["items"] for row in known.training.collect()) == [[2, -1], [2, 3], [3, -1]]
    assert known.degrees == (0, 0, 2, 2)
    assert known.validation is None


def test_what_is_touched_in_the_last_days_is_wanted_and_not_known(touched: DataFrame) -> None:
    known = customers(touched, touched.limit(0), max_length=3, validation_days=1)
    assert known.validation is not None
    assert [(row["items"], row["wanted"]) for row in known.validation.collect()] == [([0, 1, -1], [2, -1, -1])]
    assert known.degrees == (1, 2, 0)  # bob has nothing but what is kept apart


def test_nobody_to_learn_from_is_said(touched: DataFrame) -> None:
    with pytest.raises(ValueError, match="no customers to learn from before the last 9 days"):
        customers(touched, touched.limit(0), max_length=3, validation_days=9)
