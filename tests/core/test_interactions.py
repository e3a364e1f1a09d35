"""Events become weights: by type, by age, returns taken off, popular products turned down."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession

from cartograph.core.views.interactions import debiased, interactions, ratings
from cartograph.core.views.liking import with_liking
from cartograph.core.views.settings import RatingsSettings
from cartograph.runtime.failures import raised_on_purpose

START = datetime(2026, 3, 1, tzinfo=UTC)
EVENTS = "event_id string, user_id string, product_id string, event_type string, rating double, event_at timestamp"


@pytest.fixture(scope="module")
def events(spark: SparkSession) -> DataFrame:
    """Ann sees a hat twice and buys it, returns a mug, rates the hat twice; Bob buys a hat ten days on.

    Cid buys a cup and gives it one star of five; they rate the hat three, then, twice at one instant, four and two.
    """
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
        ("cid", "cup", "purchase", None, 1),
        ("cid", "cup", "view", None, 3),
        ("cid", "cup", "rating", 1.0, 2),
        ("cid", "toy", "rating", 3.0, 3),
        ("cid", "hat", "rating", 3.0, 3),
        ("cid", "hat", "rating", 4.0, 5),
        ("cid", "hat", "rating", 2.0, 5),
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
    # Of ratings the last counts: four of five stars are half a like.
    assert found.pop(("ann", "hat")) == 2 * 0.2 + 1.0 + 0.5
    others = {key: weight for key, weight in found.items() if key[0] != "cid"}
    assert others == {("ann", "toy"): -1.0, ("bob", "hat"): 1.0}


def test_a_product_rated_low_is_disliked_whatever_else_was_done_with_it(events: DataFrame) -> None:
    found = {key[1]: weight for key, weight in weights(interactions(events)).items() if key[0] == "cid"}
    # The neutral toy says nothing; of ratings of one instant the lowest counts.
    assert found == {"cup": -1.0, "hat": -0.5}


def test_a_rating_ages_as_other_events_do(events: DataFrame) -> None:
    found = weights(interactions(events, {"rating": 2.0}, half_life_days=4.0))
    ages = {("ann", "hat"): 0, ("cid", "cup"): 3, ("cid", "hat"): 0}  # days before the newest rating
    likings = {("ann", "hat"): 0.5, ("cid", "cup"): -1.0, ("cid", "hat"): -0.5}
    assert found == pytest.approx({key: 2.0 * likings[key] * 0.5 ** (age / 4) for key, age in ages.items()})


def test_types_without_a_weight_do_not_count(events: DataFrame) -> None:
    assert weights(interactions(events, {"view": 3.0})) == {("ann", "hat"): 6.0, ("cid", "cup"): 3.0}


def test_events_lose_half_their_weight_for_each_half_life(events: DataFrame) -> None:
    found = weights(interactions(events, {"purchase": 1.0, "return": -1.0}, half_life_days=5.0))
    assert found == pytest.approx(
        {
            ("ann", "hat"): 0.25,  # two half-lives before the newest event
            ("ann", "mug"): 0.25 - 1.0,  # the return is new, the purchase old
            ("ann", "toy"): 0.25 - 0.5,
            ("bob", "hat"): 1.0,
            ("cid", "cup"): 0.5**1.8,
        }
    )


def test_the_newest_products_of_a_customer_are_kept(events: DataFrame) -> None:
    kept = interactions(events, {"purchase": 1.0, "view": 1.0}, newest=1)
    # All of Ann's are of the same instant, so the first by id stays.
    assert set(weights(kept)) == {("ann", "hat"), ("bob", "hat"), ("cid", "cup")}


def test_popular_products_are_turned_down(events: DataFrame) -> None:
    found = weights(debiased(interactions(events, {"purchase": 1.0}), 0.5))
    mean = (2 + 1 + 1 + 1) / 4  # customers of hat, mug, toy, cup
    assert found[("bob", "hat")] == pytest.approx((2 / mean) ** -0.5)
    assert found[("ann", "toy")] == pytest.approx((1 / mean) ** -0.5)


def test_a_rating_is_the_last_one_given(events: DataFrame) -> None:
    found = weights(ratings(events))
    assert {key: rating for key, rating in found.items() if key[0] == "ann"} == {("ann", "hat"): 4.0}
    assert found["cid", "cup"] == 1.0


@pytest.mark.parametrize(
    ("scale", "expected"),
    [
        (RatingsSettings(), {1.0: -1.0, 2.0: -0.5, 3.0: 0.0, 4.0: 0.5, 5.0: 1.0}),
        (RatingsSettings(scale=(1, 10)), {1.0: -1.0, 5.5: 0.0, 10.0: 1.0}),
        (RatingsSettings(scale=(0, 1)), {0.0: -1.0, 1.0: 1.0}),
        (RatingsSettings(neutral=4), {1.0: -1.0, 2.5: -0.5, 4.0: 0.0, 5.0: 1.0}),
        (RatingsSettings(neutral=1), {1.0: 0.0, 3.0: 0.5, 5.0: 1.0}),  # no rating is a dislike
    ],
)
def test_ratings_are_read_on_the_scale_of_the_shop(
    spark: SparkSession, scale: RatingsSettings, expected: dict[float, float]
) -> None:
    rated = spark.createDataFrame([("rating", rating) for rating in expected], "event_type string, rating double")
    found = {row.rating: row.liking for row in with_liking(rated, scale).collect()}
    assert found == pytest.approx(expected)


def test_what_is_no_rating_has_no_liking(spark: SparkSession) -> None:
    rows = [("purchase", 1.0), ("rating", None)]
    events = with_liking(spark.createDataFrame(rows, "event_type string, rating double"))
    assert [row.liking for row in events.collect()] == [None, None]
    assert with_liking(events, RatingsSettings(scale=(0, 1))) is events  # computed once, where the scale is known


def test_a_rating_off_the_scale_is_named_with_the_setting(spark: SparkSession) -> None:
    rated = spark.createDataFrame([("rating", 8.0)], "event_type string, rating double")
    with pytest.raises(PySparkException, match=r"a rating of 8\.0, but ratings\.scale is \[1, 5\]") as caught:
        with_liking(rated).collect()
    error = raised_on_purpose(caught.value)
    assert str(error).startswith("silver.events holds a rating of 8.0")
    assert str(error).endswith("in its declaration")
    assert raised_on_purpose(ValueError("8.0")) is None
