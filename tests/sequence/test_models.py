"""Sequence models learn what follows what, from the newest events and of the best sellers."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from cartograph.core.model import Silver
from cartograph.core.views.histories import histories
from cartograph.sequence.first_order import FirstOrder
from cartograph.sequence.gru import Gru
from cartograph.sequence.transformer import Transformer
from tests.core.checkerboard import filled

N = 12  # products in a ring: after each comes the next
START = datetime(2026, 1, 1, tzinfo=UTC)
SMALL: dict[str, Any] = {
    "width": 8, "dropout": 0.0, "epochs": 25, "batch_size": 16, "learning_rate": 0.03, "warmup_steps": 0,
    "backend": "arrow",
}  # fmt: skip


def product(place: int) -> str:
    return f"p{place % N:02}"


@pytest.fixture(scope="module")
def ring(spark: SparkSession) -> Silver:
    """Every customer buys six products of the ring in order, and views a rare one in between."""
    rows = [
        (f"e{user}-{step}", f"u{user}", product(user + step), "purchase", START + timedelta(hours=step))
        for user in range(2 * N)
        for step in range(6)
    ] + [(f"v{user}", f"u{user}", "rare", "view", START + timedelta(hours=2, minutes=5)) for user in range(3)]
    named = "event_id string, user_id string, product_id string, event_type string, event_at timestamp"
    events = filled(spark.createDataFrame(rows, named), "silver.events").persist()
    nothing = spark.createDataFrame(
        [], "order_id string, user_id string, ordered_at timestamp, product_ids array<string>"
    )
    return Silver(events, nothing, events.select("product_id").distinct())


def products_of(model: Gru) -> list[str]:
    """The products that the model knows, in order of their codes."""
    assert model.network_ is not None
    product_ids: list[str] = model.network_.product_ids.to_pylist()
    return product_ids


def first_of(lists: DataFrame, group: str, item: str) -> dict[str, str]:
    return {row[group]: row[item] for row in lists.where("rank = 1").collect()}


def test_the_first_order_counts_what_came_right_after(ring: Silver) -> None:
    model = FirstOrder(event_types=("purchase",)).fit(ring)
    found = {(row.product_id, row.associated_product_id): row.score for row in model.associate(5).collect()}
    assert found == {(product(place), product(place + 1)): 1.0 for place in range(N)}
    with_views = FirstOrder().fit(ring).associate(5).where("product_id = 'rare'").collect()
    assert {row.associated_product_id: round(row.score, 3) for row in with_views} == {
        product(3): 0.333, product(4): 0.333, product(5): 0.333,
    }  # fmt: skip


@pytest.fixture(scope="module")
def gru(ring: Silver) -> Gru:
    return Gru(max_products=N, max_length=4, inputs=("event_type", "gap"), **SMALL).fit(ring)


def test_what_comes_next_is_learnt(ring: Silver, gru: Gru) -> None:
    expected = {product(place): product(place + 1) for place in range(N)}
    assert first_of(gru.associate(2), "product_id", "associated_product_id") == expected
    users = histories(ring.events)
    found = first_of(gru.recommend(users, 3), "user_id", "product_id")
    assert found == {f"u{user}": product(user + 6) for user in range(2 * N)}


def test_only_best_sellers_are_modelled(gru: Gru) -> None:
    assert products_of(gru) == [product(place) for place in range(N)]


def test_customers_have_a_vector_and_those_without_known_products_none(spark: SparkSession, gru: Gru) -> None:
    rows = [("new", ["rare", product(3)]), ("same", [product(3)]), ("stranger", ["rare"]), ("nobody", [])]
    users = spark.createDataFrame(rows, "user_id string, product_ids array<string>")
    found = {row.user_id: row.vector for row in gru.user_vectors(users).collect()}
    assert set(found) == {"new", "same"}
    assert len(found["new"]) == 8
    assert found["new"] == pytest.approx(found["same"])


def test_sampled_softmax_on_one_worker_learns_it_too_and_is_validated(ring: Silver) -> None:
    sampled = {"loss": "sampled", "n_sampled": 8, "validation_share": 0.3, "workers": 1}
    model = Transformer(similarity="cosine", heads=1, **sampled, **SMALL).fit(ring)
    qualities = [epoch["quality"] for epoch in model.epochs_]
    assert len(qualities) == SMALL["epochs"]
    assert qualities[-1] > 0.9
    assert model.seconds_per_epoch_ is not None
    purchases = histories(ring.events.where("event_type = 'purchase'"))
    found = first_of(model.recommend(purchases, 1), "user_id", "product_id")
    right = [found[f"u{user}"] == product(user + 6) for user in range(2 * N)]
    assert sum(right) >= 0.9 * len(right)


def test_a_product_without_purchases_is_embedded_by_its_content(spark: SparkSession, ring: Silver) -> None:
    angles = [2 * math.pi * place / N for place in range(N)]
    rows = [(product(place), [math.cos(angle), math.sin(angle), 0.3]) for place, angle in enumerate(angles)]
    rows.append(("unsold", rows[4][1]))
    vectors = spark.createDataFrame(rows, "product_id string, vector array<float>")
    priced = spark.createDataFrame([(name, 1.0) for name, _ in rows], "product_id string, price double")
    data = replace(ring, products=priced, vectors=vectors)
    content = {"inputs": ("price", "content"), "event_types": ("purchase",), "workers": 1}
    model = Gru(**(SMALL | content | {"epochs": 60, "learning_rate": 0.02})).fit(data)
    assert products_of(model)[-1] == "unsold"
    users = spark.createDataFrame([("u", [product(2), product(3)])], "user_id string, product_ids array<string>")
    found = [row.product_id for row in model.recommend(users, 2).orderBy("rank").collect()]
    assert set(found) == {product(4), "unsold"}
    after = {row.product_id: row.associated_product_id for row in model.associate(1).collect()}
    assert after["unsold"] == after[product(4)] == product(5)


def test_what_guests_did_in_one_session_is_learnt_from(ring: Silver) -> None:
    guests = ring.events.withColumn("session_id", F.col("user_id")).withColumn("user_id", F.lit(None).cast("string"))
    model = Gru(max_products=N, workers=1, **SMALL).fit(replace(ring, events=guests))
    found = first_of(model.associate(1), "product_id", "associated_product_id")
    assert sum(found[product(place)] == product(place + 1) for place in range(N)) >= 0.9 * N
    with pytest.raises(ValueError, match="no history has events"):
        Gru(guests=False, **SMALL).fit(replace(ring, events=guests))


def test_too_short_histories_are_too_little(ring: Silver) -> None:
    with pytest.raises(ValueError, match="no customer has two events"):
        Gru(**SMALL).fit(Silver(ring.events.where(F.col("event_id").endswith("-1")), ring.baskets, ring.products))


def test_epochs_are_reported_with_the_name_of_the_model(ring: Silver) -> None:
    reported: list[tuple[str, float]] = []
    data = replace(ring, on_epoch=lambda name, epoch: reported.append((name, epoch["epoch"])))
    Gru(**{**SMALL, "epochs": 2, "workers": 1}).fit(data)
    assert sorted(reported) == [("gru", 1), ("gru", 2)]
