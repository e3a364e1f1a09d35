"""New products at the end of a list: sampled high if they sell, never twice, never what the customer owns."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from cartograph.rank.reranking.exploration import EXPLORED, queues, with_trials
from cartograph.rank.settings import ExplorationSettings

AS_OF = date(2011, 5, 1)
USERS = [f"u{n:03}" for n in range(300)]


COLUMNS = "user_id string, product_id string, rank int, score double, models array<string>, votes array<double>"


def listed(spark: SparkSession, places: list[tuple[str, str, int]]) -> DataFrame:
    return spark.createDataFrame([(*place, 1.0 / place[2], ["als"], [1.0 / place[2]]) for place in places], COLUMNS)


@pytest.fixture(scope="module")
def shop(spark: SparkSession) -> tuple[DataFrame, DataFrame]:
    """Products and events: `hit` was bought by 30 of 40 who saw it, `flop` by none of 40, and u000 has `hit`."""
    events = [(f"s{n}", "hit", "view") for n in range(40)] + [(f"s{n}", "hit", "purchase") for n in range(30)]
    events += [(f"s{n}", "flop", "view") for n in range(40)] + [("u000", "hit", "purchase")]
    products = [("hit", datetime(2011, 4, 20)), ("flop", datetime(2011, 4, 20)), ("old1", datetime(2011, 1, 1))]
    return (
        spark.createDataFrame(products, "product_id string, first_seen_at timestamp"),
        spark.createDataFrame(events, "user_id string, product_id string, event_type string"),
    )


@pytest.fixture(scope="module")
def tried(spark: SparkSession, shop: tuple[DataFrame, DataFrame]) -> DataFrame:
    """Lists of three with one place for a new product; u000's and u001's own are of one product, u001's is `hit`."""
    places = [(user, f"old{rank}", rank) for user in USERS[2:] for rank in (1, 2, 3, 4)]
    places += [("u000", "old1", 1), ("u001", "hit", 1)]
    queue = queues(listed(spark, places), *shop, AS_OF, 3, ExplorationSettings(slots=1))
    return with_trials(queue, 3, 1).persist()


def test_each_customer_gets_one_new_product_behind_their_own(tried: DataFrame) -> None:
    rows = tried.where("chance IS NOT NULL").collect()
    assert Counter(row.user_id for row in rows) == Counter(USERS)
    assert {row["rank"] for row in rows if row.user_id in USERS[2:]} == {3}
    assert {row["rank"] for row in rows if row.user_id in USERS[:2]} == {2}  # behind the only one there is: no gap
    assert {row.product_id for row in rows} == {"hit", "flop"}
    assert {(row.score, *row.models, *row.votes) for row in rows} == {(0.0, EXPLORED, 0.0)}


def test_products_that_sell_are_sampled_high_and_the_others_are_not_shown(tried: DataFrame) -> None:
    chosen = {row.user_id: row for row in tried.where("chance IS NOT NULL").collect()}
    assert sum(chosen[user].product_id == "hit" for user in USERS[2:]) == len(USERS) - 2
    sampled = [chosen[user].chance for user in USERS[2:]]
    assert sum(sampled) / len(sampled) == pytest.approx(32 / 91, abs=0.02)  # (31 + 1) of (41 + 50): mean of the beta


def test_nobody_is_shown_what_they_own_or_what_is_listed_anyway(tried: DataFrame) -> None:
    chosen = {row.user_id: row.product_id for row in tried.where("chance IS NOT NULL").collect()}
    assert (chosen["u000"], chosen["u001"]) == ("flop", "flop")


def test_two_places_hold_two_products_and_ranks_have_no_gap(
    spark: SparkSession, shop: tuple[DataFrame, DataFrame]
) -> None:
    """Models list `hit` for ann and bob in one of these places already; bob has bought `flop`, eve has both."""
    own = [(user, f"old{rank}", rank) for user in ("ann", "bob", "eve") for rank in range(1, 6)]
    own = [(user, "hit" if user != "eve" and rank == 4 else product, rank) for user, product, rank in own]
    products, events = shop
    had = [("bob", "flop", "purchase"), ("eve", "flop", "purchase"), ("eve", "hit", "purchase")]
    events = events.unionByName(spark.createDataFrame(had, events.schema))
    lists = with_trials(queues(listed(spark, own), products, events, AS_OF, 5, ExplorationSettings(slots=2)), 5, 2)
    found: dict[str, list[str]] = {}
    for row in lists.orderBy("user_id", "rank").collect():
        found.setdefault(row.user_id, []).append(row.product_id)
        assert row["rank"] == len(found[row.user_id])
    assert found == {
        "ann": ["old1", "old2", "old3", "hit", "flop"],
        "bob": ["old1", "old2", "old3", "old5", "hit"],
        "eve": ["old1", "old2", "old3", "old4", "old5"],
    }


def test_new_products_hidden_by_a_rule_leave_their_places_to_the_next_ones(
    spark: SparkSession, shop: tuple[DataFrame, DataFrame]
) -> None:
    own = [("ann", f"old{rank}", rank) for rank in range(1, 6)]
    queue = queues(listed(spark, own), *shop, AS_OF, 4, ExplorationSettings(slots=1))
    places = queue.orderBy("rank").select("product_id").collect()
    assert [row.product_id for row in places] == ["old1", "old2", "old3", "hit", "flop", "old4", "old5"]
    left = queue.where(F.col("product_id") != "hit")
    kept = with_trials(left, 4, 1).orderBy("rank").collect()
    assert [row.product_id for row in kept] == ["old1", "old2", "old3", "flop"]
    kept = with_trials(left.where("chance IS NULL"), 4, 1).orderBy("rank").collect()
    assert [(row["rank"], row.product_id) for row in kept] == [(1, "old1"), (2, "old2"), (3, "old3"), (4, "old4")]
