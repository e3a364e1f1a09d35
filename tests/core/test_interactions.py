"""Events become weights: by type, by age, returns taken off, popular products turned down."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from pyspark.sql import DataFrame, SparkSession

from cartograph.core.interactions import debiased, interactions, ratings

START = datetime(2026, 3, 1, tzinfo=UTC)
EVENTS = "event_id string, user_id string, product_id string, event_type string, rating double, event_at timestamp"


@pytest.fixture(scope="module")
def events(spark: SparkSession) -> DataFrame:
    """Ann sees a hat twice and buys it, returns a mug, rates the hat twice; Bob buys a hat ten days on."""
    rows = [
        ("ann", "hat", "view", None, 0),
        ("ann", "hat", "view", None, 0),
        ("ann", "hat", "purchase", None, 0),
        ("ann", "mug", "purchase", None, 0),
        ("ann", "mug", "return", None, 10),
        ("ann", "toy", "purchase", None, 0),
        ("ann", "toy", "return", None, 0),
        ("ann", "toy", "return", None, 0),
        ("ann", "hat", "rating", 2.0, 3),
        ("ann", "hat", "rating", 4.0, 5),
        ("bob", "hat", "purchase", None, 10),
        (None, "hat", "purchase", None, 10),
        ("bob", "toy", "wish", None, 10),
    ]
    return spark.createDataFrame(
        [(f"e{i:02}", u, p, t, r, START + timedelta(days=day)) for i, (u, p, t, r, day) in enumerate(rows)], EVENTS
    ).persist()


def weights(frame: DataFrame) -> dict[tuple[str, str], float]:
    return {(row.user_id, row.product_id): row.weight for row in frame.collect()}


def test_weights_add_up_and_returns_take_off(events: DataFrame) -> None:
    found = weights(interactions(events))
    # The mug was bought and returned: it says nothing. The toy was returned twice: a confident no.
    assert found == {("ann", "hat"): 2 * 0.2 + 1.0 + 2 * 1.0, ("ann", "toy"): -1.0, ("bob", "hat"): 1.0}


def test_types_without_a_weight_do_not_count(events: DataFrame) -> None:
    assert weights(interactions(events, {"view": 3.0})) == {("ann", "hat"): 6.0}


def test_events_lose_half_their_weight_for_each_half_life(events: DataFrame) -> None:
    found = weights(interactions(events, {"purchase": 1.0, "return": -1.0}, half_life_days=5.0))
    assert found == pytest.approx(
        {
            ("ann", "hat"): 0.25,  # two half-lives before the newest event
            ("ann", "mug"): 0.25 - 1.0,  # the return is new, the purchase old
            ("ann", "toy"): 0.25 - 0.5,
            ("bob", "hat"): 1.0,
        }
    )


def test_the_newest_products_of_a_customer_are_kept(events: DataFrame) -> None:
    kept = interactions(events, {"purchase": 1.0, "view": 1.0}, newest=1)
    # All of Ann's are of the same instant, so the first by id stays.
    assert set(weights(kept)) == {("ann", "hat"), ("bob", "hat")}


def test_popular_products_are_turned_down(events: DataFrame) -> None:
    found = weights(debiased(interactions(events, {"purchase": 1.0}), 0.5))
    mean = (2 + 1 + 1) / 3  # customers of hat, mug, toy
    assert found[("bob", "hat")] == pytest.approx((2 / mean) ** -0.5)
    assert found[("ann", "toy")] == pytest.approx((1 / mean) ** -0.5)


def test_a_rating_is_the_last_one_given(events: DataFrame) -> None:
    assert weights(ratings(events)) == {("ann", "hat"): 4.0}
