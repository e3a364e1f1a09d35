"""Popularity counts weighted events, of everybody or of a segment, newer ones more if asked to."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from cartograph.cf.popularity import Popularity
from cartograph.core.model import Silver

START = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def data(spark: SparkSession) -> Silver:
    """The north buys hats (3) and mugs (1), the south toys (2) and hats (1); a guest a vase; one mug comes back."""
    bought = [("n1", "hat"), ("n2", "hat"), ("n3", "hat"), ("n1", "mug"), ("s1", "toy"), ("s2", "toy"), ("s1", "hat")]
    bought += [(None, "vase"), ("n4", "mug")]
    rows = [(f"e{i}", user, item, "purchase", START + timedelta(days=i)) for i, (user, item) in enumerate(bought)]
    rows.append(("r", "n4", "mug", "return", START + timedelta(days=20)))
    events = spark.createDataFrame(
        rows, "event_id string, user_id string, product_id string, event_type string, event_at timestamp"
    )
    regions = [(f"n{i}", "north") for i in range(1, 5)] + [
        ("s1", "south"),
        ("s2", "south"),
        ("w1", "west"),
        ("x", None),
    ]
    users = spark.createDataFrame(regions, "user_id string, region string")
    return Silver(events.persist(), events, events, users.persist())


def lists(model: Popularity, users: DataFrame, k: int) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for row in model.recommend(users, k).orderBy("user_id", "rank").collect():
        found.setdefault(row.user_id, []).append(row.product_id)
    return found


@pytest.fixture(scope="module")
def users(spark: SparkSession) -> DataFrame:
    """Customers of each region and of none, with nothing seen but by n1."""
    seen = [("n1", ["hat"]), ("n4", []), ("s2", []), ("w1", []), ("x", []), ("stranger", [])]
    return spark.createDataFrame(seen, "user_id string, product_ids array<string>").persist()


def test_everybody_gets_the_same_list_without_what_was_seen(data: Silver, users: DataFrame) -> None:
    found = lists(Popularity().fit(data), users, 3)
    assert found["stranger"] == ["hat", "toy", "mug"]
    assert found["n1"] == ["toy", "mug", "vase"]


def test_each_region_gets_what_it_buys(data: Silver, users: DataFrame) -> None:
    found = lists(Popularity(by=("region",), shrinkage=0.5).fit(data), users, 2)
    assert found["n4"] == ["hat", "mug"]
    assert found["s2"] == ["toy", "hat"]
    assert found["n1"] == ["mug", "toy"]  # the hat was seen
    # Nobody of the west has bought anything, and of x and the stranger no region is known.
    assert found["w1"] == found["x"] == found["stranger"] == ["hat", "toy"]


def test_a_small_region_is_shrunk_towards_the_whole_shop(data: Silver, users: DataFrame) -> None:
    model = Popularity(by=("region",), shrinkage=2.0).fit(data)
    assert model.segment_popularity_ is not None
    south = {row.product_id: row.score for row in model.segment_popularity_.where("segment = 'south'").collect()}
    # Shares of the shop: hat 4, toy 2, mug 1, vase 1 of 8; the south bought 3.
    assert south == pytest.approx(
        {
            "hat": (1 + 2 * 4 / 8) / (3 + 2),
            "toy": (2 + 2 * 2 / 8) / (3 + 2),
            "mug": (0 + 2 * 1 / 8) / (3 + 2),
            "vase": (0 + 2 * 1 / 8) / (3 + 2),
        }
    )
    assert lists(Popularity(by=("region",), shrinkage=1000.0).fit(data), users, 2)["s2"] == ["hat", "toy"]


def test_events_lose_half_their_weight_for_each_half_life(data: Silver) -> None:
    model = Popularity(half_life_days=4.0, event_weights={"purchase": 1.0}).fit(data)
    assert model.popularity_ is not None
    scores = {row.product_id: row.score for row in model.popularity_.collect()}
    ages = {"toy": (4, 5), "vase": (7,), "mug": (3, 8)}  # days of purchase; the newest event is the return, day 20
    for product, days in ages.items():
        assert scores[product] == pytest.approx(sum(0.5 ** ((20 - day) / 4) for day in days))


def test_a_rating_counts_by_what_it_says(data: Silver, spark: SparkSession) -> None:
    rows = [(f"r{n}", f"x{n}", "vase", "rating", 1.0, START) for n in range(3)]
    rows += [(f"t{n}", f"x{n}", "toy", "rating", 4.0, START) for n in range(3)]
    columns = "event_id string, user_id string, product_id string, event_type string, rating double, event_at timestamp"
    events = data.events.unionByName(spark.createDataFrame(rows, columns), allowMissingColumns=True)
    model = Popularity().fit(replace(data, events=events))
    assert model.popularity_ is not None
    found = {row.product_id: row.score for row in model.popularity_.collect()}
    # Three customers dislike the vase that a guest bought, three half like the toy that two bought; a mug came back.
    assert found == {"hat": 4.0, "toy": 2 + 3 * 0.5, "mug": 1.0}


def test_segments_without_a_column_are_refused_by_name(data: Silver) -> None:
    with pytest.raises(ValueError, match=r"silver.users has no column shoe_size; it has user_id, region"):
        Popularity(by=("shoe_size",)).fit(data)
    with pytest.raises(ValueError, match=r"popularity by region needs silver.users"):
        Popularity(by=("region",)).fit(Silver(data.events, data.baskets, data.products))


def test_no_customers_get_no_rows(data: Silver, users: DataFrame) -> None:
    assert Popularity(by=("region",)).fit(data).recommend(users.where(F.lit(False)), 3).count() == 0
