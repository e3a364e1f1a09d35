"""Attributions of a network's score are what it loses without each product of the history."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from cartograph.core.model import Silver
from cartograph.core.views.histories import histories
from cartograph.sequence.attribution import attributions, newest
from cartograph.sequence.fitted_network import FittedNetwork
from cartograph.sequence.gru import Gru
from cartograph.sequence.settings import EVENTS
from tests.core.checkerboard import filled

START = datetime(2026, 1, 1, tzinfo=UTC)
BOUGHT = {
    "ann": ["p1", "p2", "p1", "p3", "p4"], "bob": ["p2"], "eve": ["p5", "unheard of", "p6", "p7", "p1", "p2"],
    "new": ["unheard of"],
}  # fmt: skip
K = 3


def events_of(spark: SparkSession, bought: dict[str, list[str]]) -> DataFrame:
    """A purchase an hour; where no product is given, nothing was bought."""
    rows = [
        (f"{user}{place}", user, product, "purchase", START + timedelta(hours=place))
        for user, products in bought.items()
        for place, product in enumerate(products)
        if product
    ]
    named = "event_id string, user_id string, product_id string, event_type string, event_at timestamp"
    return filled(spark.createDataFrame(rows, named), "silver.events")


def users_of(spark: SparkSession, bought: dict[str, list[str]]) -> DataFrame:
    return histories(events_of(spark, bought), 100)


@pytest.fixture(scope="module")
def model(spark: SparkSession) -> Gru:
    """A network with gaps as input, hardly trained: attributions hold for any weights."""
    draw = np.random.default_rng(2)
    bought = {f"u{n}": [f"p{c}" for c in draw.permutation(9)[: 3 + n % 5]] for n in range(40)}
    events = events_of(spark, bought).persist()
    small: dict[str, Any] = {"width": 8, "epochs": 3, "learning_rate": 0.05, "backend": "arrow", "workers": 1}
    return Gru(**small, max_length=5, inputs=("gap",), mask_seen=False).fit(
        Silver(events, events, events.select("product_id").distinct())
    )


def network_of(model: Gru) -> FittedNetwork:
    assert model.network_ is not None
    return model.network_


@pytest.fixture(scope="module")
def scores(spark: SparkSession, model: Gru) -> dict[tuple[str, str], float]:
    return scored(model, users_of(spark, BOUGHT))


def scored(model: Gru, users: DataFrame) -> dict[tuple[str, str], float]:
    return {(row.user_id, row.product_id): row.score for row in model.recommend(users, 100).collect()}


@pytest.fixture(scope="module")
def found(spark: SparkSession, model: Gru) -> dict[tuple[str, str], dict[str, float]]:
    users = users_of(spark, BOUGHT)
    lists = model.recommend(users, K)
    rows = attributions(network_of(model), users, lists.select("user_id", "product_id"), EVENTS, n_products=3, n=2)
    return {(row.user_id, row.product_id): row.parts for row in rows.collect()}


def test_parts_sum_to_the_score_of_every_product_listed(
    found: dict[tuple[str, str], dict[str, float]], scores: dict[tuple[str, str], float]
) -> None:
    assert {user for user, _ in found} == {"ann", "bob", "eve"}
    assert len(found) == 3 * K
    for pair, parts in found.items():
        assert sum(parts.values()) == pytest.approx(scores[pair], abs=1e-5)


def test_a_part_is_what_the_score_loses_without_the_product(
    spark: SparkSession,
    model: Gru,
    found: dict[tuple[str, str], dict[str, float]],
    scores: dict[tuple[str, str], float],
) -> None:
    """Scored once more from histories that never had it; ann's p1 goes with both of its events."""
    recent = {"ann": ["p4", "p3", "p1"], "eve": ["p2", "p1", "p7"]}
    for user, products in recent.items():
        lost: dict[str, dict[str, float]] = {}
        for product in products:
            kept = {user: ["" if one == product else one for one in BOUGHT[user]]}
            without = scored(model, users_of(spark, kept))
            for (_, asked), score in without.items():
                lost.setdefault(asked, {})[product] = scores[user, asked] - score
        for (who, asked), parts in found.items():
            if who == user:
                positive = sorted(((v, p) for p, v in lost[asked].items() if v > 1e-6), reverse=True)[:2]
                named = {name: value for name, value in parts.items() if name != "other"}
                assert named == pytest.approx({product: value for value, product in positive}, abs=1e-5)


def test_all_of_a_score_comes_from_the_only_product_there_is(
    found: dict[tuple[str, str], dict[str, float]], scores: dict[tuple[str, str], float]
) -> None:
    for (user, product), parts in found.items():
        if user == "bob" and scores[user, product] > 0:
            assert parts == pytest.approx({"p2": scores[user, product], "other": 0.0}, abs=1e-5)


def test_the_newest_products_come_first_and_once() -> None:
    ends, own = np.array([0, 5, 5, 7]), np.array([4, 2, 4, -1, 3, -1, -1])
    assert newest(ends, own, 2).tolist() == [[3, 4], [-1, -1], [-1, -1]]
    assert newest(ends, own, 4).tolist()[0] == [3, 4, 2, -1]


def test_customers_who_are_not_listed_are_left_out(spark: SparkSession, model: Gru) -> None:
    users = users_of(spark, BOUGHT)
    lists = model.recommend(users, 1).where(F.col("user_id") == "ann")
    assert {row.user_id for row in attributions(network_of(model), users, lists, EVENTS).collect()} == {"ann"}
