"""The next basket has products that are due again and products that follow the last basket; each can be had alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from cartograph.core.model import Silver
from cartograph.core.views.histories import histories
from cartograph.sequence.next_basket import NextBasket, baskets_in_turn, days_between, followers
from tests.core.checkerboard import filled

START = datetime(2026, 1, 1, tzinfo=UTC)
NAMED = "event_id string, user_id string, product_id string, event_type string, order_id string, event_at timestamp"


def orders_of(spark: SparkSession, orders: list[tuple[str, int, list[str]]]) -> Silver:
    """Silver events of orders: customer, day, products."""
    rows = [
        (f"{user}-{day}-{product}", user, product, "purchase", f"{user}-{day}", START + timedelta(days=day))
        for user, day, products in orders
        for product in products
    ]
    events = filled(spark.createDataFrame(rows, NAMED), "silver.events").persist()
    return Silver(events, events, events.select("product_id").distinct())


@pytest.fixture(scope="module")
def data(spark: SparkSession) -> Silver:
    """Coffee every week, and with the third order a mill; `new` has had one order."""
    regular = [
        (f"u{user}", 7 * week, ["coffee", *(["mill"] if week == 2 else []), *(["beans"] if week == 1 else [])])
        for user in range(6)
        for week in range(5)
    ]
    return orders_of(spark, [*regular, ("new", 26, ["coffee", "beans"])])


@pytest.fixture(scope="module")
def baskets(data: Silver) -> DataFrame:
    return baskets_in_turn(data.events, "order", 50).persist()


def test_each_basket_knows_what_was_new_in_the_one_after_it(baskets: DataFrame) -> None:
    own = baskets.where("user_id = 'u1'").orderBy("at").collect()
    assert [sorted(row.product_ids) for row in own] == [
        ["coffee"],
        ["beans", "coffee"],
        ["coffee", "mill"],
        ["coffee"],
        ["coffee"],
    ]
    assert [row.next_ids for row in own] == [["beans"], ["mill"], [], [], None]
    assert days_between(baskets) == 7


def test_shares_of_followers_are_counted_over_baskets_that_were_followed(baskets: DataFrame) -> None:
    found = {(row.product_id, row.associated_product_id): row.score for row in followers(baskets, 1, 2.0).collect()}
    assert found == {
        ("coffee", "beans"): pytest.approx(6 / (24 + 2)), ("coffee", "mill"): pytest.approx(6 / (24 + 2)),
        ("beans", "mill"): pytest.approx(6 / (6 + 2)),
    }  # fmt: skip
    assert followers(baskets, 7, 2.0).count() == 0


def test_large_baskets_are_cut(data: Silver) -> None:
    assert baskets_in_turn(data.events, "order", 1).selectExpr("max(size(product_ids)) AS n").collect()[0].n == 1


def test_what_is_due_comes_first_and_what_follows_the_last_basket_is_among_it(data: Silver) -> None:
    model = NextBasket(min_count=1).fit(data)
    users = histories(data.events)
    lists: dict[str, list[str]] = {}
    for row in model.recommend(users, 3).orderBy("user_id", "rank").collect():
        lists.setdefault(row.user_id, []).append(row.product_id)
    assert lists["u0"][0] == "coffee"
    assert set(lists["u0"]) == {"coffee", "beans", "mill"}
    assert lists["new"][0] == "coffee"
    assert "mill" in lists["new"]
    only_new = NextBasket(min_count=1, mask_seen=True).fit(data)
    fresh = {(row.user_id, row.product_id) for row in only_new.recommend(users, 3).collect()}
    assert fresh == {("new", "mill")}


def test_what_is_due_is_predicted_from_the_day_of_the_data(data: Silver) -> None:
    later = START.date() + timedelta(days=60)
    for as_of, is_past in ((None, True), (later, False)):
        again = NextBasket(min_count=1).fit(replace(data, as_of=as_of)).again_
        assert again is not None
        assert again.where(F.col("expected_on") < F.lit(later)).isEmpty() is not is_past


def test_neighbours_beyond_those_kept_are_refused(data: Silver) -> None:
    model = NextBasket(min_count=1, n_neighbours=2).fit(data)
    assert {row.associated_product_id for row in model.associate(2).where("product_id = 'beans'").collect()} == {"mill"}
    with pytest.raises(ValueError, match="set n_neighbours to 3 or more"):
        model.associate(3)
