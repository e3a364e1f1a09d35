"""Histories hold what a customer did, oldest first."""

from __future__ import annotations

from datetime import date, datetime

import pytest
from pyspark.sql import DataFrame, SparkSession

from cartograph.core.views.histories import active, histories
from cartograph.core.views.seen import mask_of, seen

COLUMNS = "event_id string, user_id string, product_id string, event_type string, event_at timestamp"


@pytest.fixture(scope="module")
def events(spark: SparkSession) -> DataFrame:
    rows = [
        ("e3", "ann", "cup", "purchase", datetime(2026, 1, 3)),
        ("e1", "ann", "lamp", "view", datetime(2026, 1, 1)),
        ("e5", "ann", "bowl", "view", datetime(2026, 1, 3)),
        ("e2", "ann", "lamp", "return", datetime(2026, 1, 2)),
        ("e4", None, "vase", "purchase", datetime(2026, 1, 1)),
        ("e6", "bob", "cup", "cart", datetime(2026, 1, 9)),
    ]
    return spark.createDataFrame(rows, COLUMNS)


def test_events_are_aligned_and_oldest_first_without_guests_and_returns(events: DataFrame) -> None:
    found = {row.user_id: row for row in histories(events).collect()}
    assert set(found) == {"ann", "bob"}
    assert found["ann"].product_ids == ["lamp", "cup", "bowl"]  # the same instant follows event_id
    assert found["ann"].event_types == ["view", "purchase", "view"]
    assert [at.day for at in found["ann"].event_ats] == [1, 3, 3]


def test_bought_products_are_seen_however_long_ago_and_others_only_if_it_is_asked_for(events: DataFrame) -> None:
    found = {row.user_id: row.seen_ids for row in histories(events, max_length=1).collect()}
    assert found == {"ann": ["cup"], "bob": []}
    found = {row.user_id: sorted(row.seen_ids) for row in histories(events, seen_by=("view", "cart")).collect()}
    assert found == {"ann": ["bowl", "lamp"], "bob": ["cup"]}


def test_what_histories_leave_out_of_lists_is_what_customers_have_seen(events: DataFrame) -> None:
    for seen_by in (("purchase",), ("view", "purchase"), ()):
        pairs = {(row.user_id, row.product_id) for row in seen(events, seen_by).collect()}
        past = histories(events, seen_by=seen_by).collect()
        assert pairs == {(row.user_id, product_id) for row in past for product_id in row.seen_ids}


def test_only_the_newest_are_kept(events: DataFrame) -> None:
    found = {row.user_id: row.product_ids for row in histories(events, max_length=2).collect()}
    assert found == {"ann": ["cup", "bowl"], "bob": ["cup"]}


@pytest.fixture(scope="module")
def rated(spark: SparkSession) -> DataFrame:
    """Ann buys a cup and dislikes it, comes to like a lamp and to dislike a bowl, and sees a vase; Bob dislikes a cup.

    Of two ratings of a hat at one instant the lower one counts.
    """
    steps = [
        ("ann", "cup", "purchase", None, 1), ("ann", "cup", "rating", 1.0, 2), ("ann", "cup", "view", None, 3),
        ("ann", "lamp", "rating", 2.0, 1), ("ann", "lamp", "rating", 4.0, 4), ("ann", "bowl", "rating", 5.0, 1),
        ("ann", "bowl", "rating", 1.0, 5), ("ann", "hat", "rating", 2.0, 6), ("ann", "hat", "rating", 5.0, 6),
        ("ann", "mug", "rating", 3.0, 7), ("ann", "vase", "view", None, 8), ("bob", "cup", "rating", 1.0, 9),
    ]  # fmt: skip
    rows = [(f"e{i:02}", u, p, t, r, datetime(2026, 1, day)) for i, (u, p, t, r, day) in enumerate(steps)]
    return spark.createDataFrame(rows, COLUMNS.replace("event_at", "rating double, event_at"))


def test_products_disliked_at_last_are_in_no_history(rated: DataFrame) -> None:
    found = {row.user_id: row for row in histories(rated).collect()}
    assert found["ann"].product_ids == ["lamp", "lamp", "mug", "vase"]  # a neutral rating is not a dislike
    assert found["ann"].event_types == ["rating", "rating", "rating", "view"]
    assert found["ann"].disliked_ids == ["bowl", "cup", "hat"]
    assert (found["bob"].product_ids, found["bob"].disliked_ids) == ([], ["cup"])


def test_what_is_disliked_is_masked_even_where_what_was_seen_is_not(rated: DataFrame) -> None:
    users = histories(rated, seen_by=("purchase", "view"))
    rows = users.select("user_id", mask_of(users, True).alias("all"), mask_of(users, False).alias("disliked")).collect()
    found = {row.user_id: row for row in rows}
    assert sorted(set(found["ann"]["all"])) == ["bowl", "cup", "hat", "vase"]
    assert found["ann"].disliked == ["bowl", "cup", "hat"]
    assert found["bob"]["all"] == found["bob"].disliked == ["cup"]


def test_a_dislike_is_an_event_of_a_customer_who_is_active(rated: DataFrame) -> None:
    found = active(histories(rated), date(2026, 1, 10), 1).collect()
    assert [row.user_id for row in found] == ["bob"]
