"""Settings are evaluated on a later period, nothing of which is known, and the better ones are found."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from cartograph.cf.tuning import Period, search
from cartograph.core.model import Silver

START = datetime(2026, 5, 1, tzinfo=UTC)


class Guess:
    """Recommends product p<place> second, between two that nobody buys; `fit` remembers the newest event it saw."""

    name = "guess"

    def __init__(self, place: float) -> None:
        self.place = place

    def fit(self, data: Silver) -> Self:
        self.newest = data.events.agg(F.max("event_at").alias("at")).head().at  # type: ignore[union-attr]
        return self

    def associate(self, k: int) -> DataFrame:
        raise NotImplementedError

    def recommend(self, users: DataFrame, k: int) -> DataFrame:
        shown = F.array(F.lit("x"), F.concat(F.lit("p"), F.lit(round(self.place)).cast("string")), F.lit("y"))
        return users.select("user_id", F.posexplode(shown).alias("at", "product_id")).select(
            "user_id", "product_id", F.lit(1.0).alias("score"), (F.col("at") + 1).alias("rank")
        )


@pytest.fixture(scope="module")
def data(spark: SparkSession) -> Silver:
    """Ann and Bob are known, Ann has looked at p4; later both buy p4, Ann p1 again, and Cid, who is new, buys p4."""
    bought = [
        ("ann", "p1", -3),
        ("bob", "p2", -2),
        ("ann", "p4", 1),
        ("bob", "p4", 2),
        ("ann", "p1", 3),
        ("cid", "p4", 3),
    ]
    rows = [(f"e{i}", u, p, "purchase", START + timedelta(days=day)) for i, (u, p, day) in enumerate(bought)]
    rows.append(("e9", "ann", "p4", "view", START - timedelta(days=1)))
    events = spark.createDataFrame(
        rows, "event_id string, user_id string, product_id string, event_type string, event_at timestamp"
    )
    baskets = events.select(
        "user_id", F.col("event_at").alias("ordered_at"), F.array("product_id").alias("product_ids")
    )
    return Silver(events.persist(), baskets, events.select("product_id").distinct())


def test_new_purchases_of_known_customers_are_the_answers(data: Silver) -> None:
    period = Period.since(data, START)
    assert {(row.user_id, *row.product_ids) for row in period.bought.collect()} == {("ann", "p4"), ("bob", "p4")}
    asked = {(row.user_id, *row.product_ids): row.seen_ids for row in period.users.collect()}
    assert asked == {("ann", "p1", "p4"): ["p1"], ("bob", "p2"): ["p2"]}
    period = Period.since(data, START, seen_by=("purchase", "view"))  # where lists leave out what was looked at
    assert {(row.user_id, *row.product_ids) for row in period.bought.collect()} == {("bob", "p4")}
    period = Period.since(data, START, seen_by=())  # where lists leave out nothing
    assert {(row.user_id, *sorted(row.product_ids)) for row in period.bought.collect()} == {
        ("ann", "p1", "p4"), ("bob", "p4"),
    }  # fmt: skip


def test_lists_are_evaluated_on_what_came_later_and_made_from_what_was_before(data: Silver) -> None:
    period = Period.since(data, START)
    model = Guess(4).fit(period.earlier)
    assert model.newest.replace(tzinfo=UTC) < START
    assert period.ndcg(model, 3) == pytest.approx(1 / 1.584963)  # one hit in second place: 1 / log2(3)
    assert period.ndcg(Guess(5).fit(period.earlier), 3) == 0.0


def test_the_search_finds_the_setting_that_predicts_and_records_every_trial(data: Silver) -> None:
    recorded: list[tuple[int, Mapping[str, Any], float]] = []
    best, value = search(
        lambda settings: Guess(**settings),
        Period.since(data, START),
        {"place": (1, 8)},
        n_trials=12,
        k=3,
        record=lambda number, settings, score: recorded.append((number, dict(settings), score)),
    )
    assert best == {"place": 4}
    assert value == pytest.approx(1 / 1.584963)
    assert [number for number, *_ in recorded] == list(range(12))
    assert all((score > 0) == (settings["place"] == 4) for _, settings, score in recorded)


def test_a_period_without_new_purchases_is_refused(data: Silver) -> None:
    with pytest.raises(ValueError, match=r"increase cf\.tuning\.days"):
        search(lambda settings: Guess(**settings), Period.since(data, START + timedelta(days=3)), {"place": (1, 8)}, 2)
