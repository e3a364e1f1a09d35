"""Features of customers, products and pairs, worked out by hand from eight events."""

from __future__ import annotations

from datetime import date, datetime
from math import log, log1p

import pytest
from pyspark.sql import DataFrame, SparkSession

from cartograph.rank.fusion.behaviour_features import customer_features, pair_features, product_features

AS_OF = date(2011, 5, 1)
EVENTS = [
    ("ann", "cup", "purchase", 2.0, datetime(2011, 4, 1)),
    ("ann", "cup", "purchase", 2.0, datetime(2011, 4, 11)),
    ("ann", "cup", "purchase", 2.0, datetime(2011, 4, 21)),
    ("ann", "lamp", "purchase", 8.0, datetime(2011, 3, 2)),
    ("bob", "cup", "purchase", 2.0, datetime(2011, 3, 12)),
    ("bob", "lamp", "view", None, datetime(2011, 4, 29)),
    ("bob", "lamp", "cart", None, datetime(2011, 4, 30, 12)),
    (None, "lamp", "purchase", 8.0, datetime(2011, 4, 30)),
]


@pytest.fixture(scope="module")
def events(spark: SparkSession) -> DataFrame:
    return spark.createDataFrame(
        EVENTS, "user_id string, product_id string, event_type string, unit_price double, event_at timestamp"
    )


def test_product_features_are_buyers_trend_age_and_price(events: DataFrame) -> None:
    found = {row.product_id: row for row in product_features(events, AS_OF).collect()}
    cup = found["cup"]
    assert cup.product_buyers == pytest.approx(log1p(2))
    assert cup.product_recent == pytest.approx(log1p(3))
    assert cup.product_trend == pytest.approx(log(4 / 2))
    assert (cup.product_age, cup.product_idle) == (50, 10)
    assert cup.product_price == pytest.approx(log(2))
    assert cup.product_again == pytest.approx(1 - 2 / 4)
    assert found["lamp"].product_buyers == pytest.approx(log1p(1)), "guests are not counted"


def test_customer_features_are_days_intervals_and_repeats(events: DataFrame) -> None:
    found = {row.user_id: row for row in customer_features(events, AS_OF).collect()}
    ann = found["ann"]
    assert ann.customer_days == pytest.approx(log(4))
    assert (ann.customer_idle, ann.customer_gap) == (10, pytest.approx(50 / 3))
    assert ann.customer_again == pytest.approx(1 - 2 / 4)
    assert ann.customer_price == pytest.approx((3 * log(2) + log(8)) / 4)
    assert found["bob"].customer_gap is None


def test_pair_features_are_purchases_their_interval_and_views(events: DataFrame) -> None:
    found = {(row.user_id, row.product_id): row for row in pair_features(events, AS_OF).collect()}
    again = found["ann", "cup"]
    assert (again.pair_days, again.pair_idle, again.pair_first) == (3, 10, 30)
    assert again.pair_due == pytest.approx(10 / 10)
    assert found["ann", "lamp"].pair_due is None
    looked = found["bob", "lamp"]
    assert (looked.pair_days, looked.pair_views, looked.pair_viewed) == (0, 2, 0.5)
