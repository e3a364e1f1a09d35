"""Lists of customers without any history."""

from __future__ import annotations

import json
from datetime import datetime
from unittest.mock import ANY

import pytest
from pyspark.sql import Row, SparkSession

from cartograph.core.model import Silver
from cartograph.rank.explanation.recommendations import newcomer_recommendations
from cartograph.rank.reranking.cold_start import cold_start_lists
from cartograph.rank.score_shares import as_shares

EVENTS = [("ann", "cup"), ("bob", "cup"), ("bob", "lamp"), ("eve", "kilt"), ("joe", "kilt"), ("joe", "cup")]
USERS = [("ann", "south"), ("bob", "south"), ("eve", "north"), ("joe", "north"), ("max", None),
         ("new_north", "north"), ("new_west", "west"), ("new_anywhere", None)]  # fmt: skip


@pytest.fixture(scope="module")
def lists(spark: SparkSession) -> dict[str, list[Row]]:
    events = [(user, product, "purchase") for user, product in EVENTS] + [("ann", "sofa", "view")]
    data = Silver(
        events=spark.createDataFrame(events, "user_id string, product_id string, event_type string"),
        baskets=spark.createDataFrame([], "order_id string"),
        products=spark.createDataFrame([], "product_id string, first_seen_at timestamp"),
        users=spark.createDataFrame(USERS, "user_id string, region string"),
    )
    served = spark.createDataFrame([(name,) for name in ("ann", "bob", "eve", "joe", "max")], "user_id string")
    found: dict[str, list[Row]] = {}
    shown = newcomer_recommendations(as_shares(cold_start_lists(data, served, 2), "user_id"))
    for row in shown.orderBy("rank").collect():
        found.setdefault(row.user_id, []).append(row)
    return found


def test_only_customers_without_candidates_are_added(lists: dict[str, list[Row]]) -> None:
    assert set(lists) == {"new_north", "new_west", "new_anywhere"}


def test_a_known_region_gets_its_own_best_sellers(lists: dict[str, list[Row]]) -> None:
    assert [(row["rank"], row.product_id) for row in lists["new_north"]] == [(1, "kilt"), (2, "cup")]
    assert lists["new_north"][0].why == "Popular in your region: bought by 2 customers."
    for row in lists["new_north"]:
        evidence = json.loads(row.evidence)
        assert (row.score, evidence) == (
            evidence["n_buyers"] / 2,
            {"parts": {"popularity": row.score}, "n_buyers": ANY},
        )


def test_a_region_without_sales_gets_the_best_sellers_of_all(lists: dict[str, list[Row]]) -> None:
    for name in ("new_west", "new_anywhere"):
        assert [(row["rank"], row.product_id) for row in lists[name]] == [(1, "cup"), (2, "kilt")]
        assert lists[name][0].why == "Popular: bought by 3 customers."


def test_a_new_shop_shows_its_newest_products(spark: SparkSession) -> None:
    seen = [("cup", datetime(2011, 5, 1)), ("pot", datetime(2011, 5, 3)), ("jug", None), ("lamp", datetime(2011, 5, 2))]
    data = Silver(
        events=spark.createDataFrame(
            [("ann", "cup", "purchase")], "user_id string, product_id string, event_type string"
        ),
        baskets=spark.createDataFrame([], "order_id string"),
        products=spark.createDataFrame(seen, "product_id string, first_seen_at timestamp"),
        users=spark.createDataFrame([("ann", None), ("eve", "north")], "user_id string, region string"),
    )
    served = spark.createDataFrame([("ann",)], "user_id string")
    rows = newcomer_recommendations(as_shares(cold_start_lists(data, served, 4), "user_id")).orderBy("rank").collect()
    assert [(row.user_id, row.product_id, row.score) for row in rows] == [
        ("eve", "cup", 1.0), ("eve", "pot", 0.0), ("eve", "lamp", 0.0), ("eve", "jug", 0.0),
    ]  # fmt: skip
    assert {row.why for row in rows[1:]} == {"New in the shop."}


def test_lists_continue_until_enough_may_be_shown_and_a_region_with_fewer_has_none(spark: SparkSession) -> None:
    """Cup and kilt may not be shown: of all, lamp and pot are left; the south has lamp alone, too few for a list."""
    bought = [*EVENTS, ("eve", "pot"), ("bob", "vase")]
    data = Silver(
        events=spark.createDataFrame(
            [(*pair, "purchase") for pair in bought], "user_id string, product_id string, event_type string"
        ),
        baskets=spark.createDataFrame([], "order_id string"),
        products=spark.createDataFrame([], "product_id string, first_seen_at timestamp"),
        users=spark.createDataFrame([*USERS, ("new_south", "south")], "user_id string, region string"),
    )
    served = spark.createDataFrame([(name,) for name in ("ann", "bob", "eve", "joe", "max")], "user_id string")
    forbidden = spark.createDataFrame([("cup",), ("kilt",), ("vase",)], "product_id string")
    rows = cold_start_lists(data, served, 2, forbidden).where("user_id = 'new_south'").orderBy("rank").collect()
    assert [(row.product_id, row.is_local) for row in rows] == [
        ("cup", False), ("kilt", False), ("lamp", False), ("pot", False),
    ]  # fmt: skip
