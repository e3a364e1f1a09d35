"""New products in the last place of a list: drawn high where they sell, never twice, never what the customer has."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime

import pytest
from pyspark.sql import DataFrame, SparkSession

from cartograph.rank.exploration import Exploration, explored

AS_OF = date(2011, 5, 1)
USERS = [f"u{n:03}" for n in range(300)]


@pytest.fixture(scope="module")
def tried(spark: SparkSession) -> DataFrame:
    """`hit` was bought by 30 of 40 who saw it, `flop` by none of 40; u000 has `hit`, u001 has it in the list."""
    events = [(f"s{n}", "hit", "view") for n in range(40)] + [(f"s{n}", "hit", "purchase") for n in range(30)]
    events += [(f"s{n}", "flop", "view") for n in range(40)] + [("u000", "hit", "purchase")]
    lists = [(user, f"old{rank}", rank) for user in USERS[2:] for rank in (1, 2, 3)]
    lists += [("u000", "old1", 1), ("u001", "hit", 1)]
    products = [("hit", datetime(2011, 4, 20)), ("flop", datetime(2011, 4, 20)), ("old1", datetime(2011, 1, 1))]
    return explored(
        spark.createDataFrame(lists, "user_id string, product_id string, rank int"),
        spark.createDataFrame(products, "product_id string, first_seen_at timestamp"),
        spark.createDataFrame(events, "user_id string, product_id string, event_type string"),
        AS_OF, 3, Exploration(slots=1),
    ).persist()  # fmt: skip


def test_each_customer_gets_one_new_product_in_the_last_place(tried: DataFrame) -> None:
    rows = tried.collect()
    assert Counter(row.user_id for row in rows) == Counter(USERS)
    assert {row["rank"] for row in rows} == {3}
    assert {row.product_id for row in rows} == {"hit", "flop"}


def test_what_sells_is_drawn_high_and_what_does_not_is_not_shown(tried: DataFrame) -> None:
    chosen = {row.user_id: row for row in tried.collect()}
    assert sum(chosen[user].product_id == "hit" for user in USERS[2:]) == len(USERS) - 2
    shares = [chosen[user].score for user in USERS[2:]]
    assert sum(shares) / len(shares) == pytest.approx(32 / 91, abs=0.02)  # (31 + 1) of (41 + 50): the mean of the beta


def test_nobody_is_shown_what_they_have_or_what_is_listed_anyway(tried: DataFrame) -> None:
    chosen = {row.user_id: row.product_id for row in tried.collect()}
    assert (chosen["u000"], chosen["u001"]) == ("flop", "flop")
