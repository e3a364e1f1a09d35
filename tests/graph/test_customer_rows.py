"""Customers become rows of codes: their newest products, and those of the validation period if there is one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from pyspark.sql import DataFrame, SparkSession

from cartograph.graph.networks.customer_rows import customer_rows

START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def interactions(spark: SparkSession) -> DataFrame:
    rows = [("ann", "a", 0), ("ann", "b", 1), ("ann", "c", 2), ("bob", "c", 2), ("cy", "b", 0)]
    dated = [(user, item, START + timedelta(days=days)) for user, item, days in rows]
    return spark.createDataFrame(dated, "user_id string, product_id string, last_at timestamp").persist()


def test_rows_hold_the_newest_products_in_order_and_degrees_count_them(interactions: DataFrame) -> None:
    more = interactions.sparkSession.createDataFrame([("aa",)], "product_id string")
    known = customer_rows(interactions, more, max_length=2)
    assert sorted(row["items"] for row in known.training.collect()) == [[2, -1], [2, 3], [3, -1]]
    assert known.degrees == (0, 0, 2, 2)
    assert known.validation is None


def test_products_of_the_last_days_are_held_out(interactions: DataFrame) -> None:
    known = customer_rows(interactions, interactions.limit(0), max_length=3, validation_days=1)
    assert known.validation is not None
    assert [(row["items"], row["targets"]) for row in known.validation.collect()] == [([0, 1, -1], [2, -1, -1])]
    assert known.degrees == (1, 2, 0)  # Everything that bob has is held out.


def test_no_customers_to_learn_from_are_an_error(interactions: DataFrame) -> None:
    with pytest.raises(ValueError, match="no customers to learn from before the last 9 days"):
        customer_rows(interactions, interactions.limit(0), max_length=3, validation_days=9)
