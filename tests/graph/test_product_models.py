"""Graph networks find planted communities, resume training, and embed new products near similar ones."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import numpy as np
import pytest
import torch
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from cartograph.core.model import Silver
from cartograph.core.training.feed import materialised
from cartograph.core.training.weights import Weights
from cartograph.core.views.interactions import interactions
from cartograph.graph.gat import Gat
from cartograph.graph.gcn import Gcn
from cartograph.graph.lightgcn import LightGcn
from cartograph.graph.networks.customer_rows import customer_rows
from cartograph.graph.networks.inference import computed_vectors
from cartograph.graph.networks.lightgcn_encoder import LightGcnEncoding
from cartograph.graph.networks.product_model import ProductModel
from cartograph.graph.networks.recommendation_task import RecommendationTask
from cartograph.graph.settings import GraphTrainingSettings, LightGcnSettings
from tests.core.checkerboard import filled

KINDS = ("tea", "tool")
N_EACH = 6
START = datetime(2026, 1, 1, tzinfo=UTC)
SMALL: dict[str, Any] = {
    "width": 8, "epochs": 6, "batch_size": 8, "n_negatives": 8, "learning_rate": 0.03, "backend": "arrow", "workers": 1,
    "initial": "random",
}  # fmt: skip


@pytest.fixture(scope="module")
def shop(spark: SparkSession) -> Silver:
    """Customers of tea and of tools, four of six products each, the last one later; two new products with titles."""
    rows = [
        (f"{kind}{user}-{place}", f"{kind}-{user}", f"{kind}{(user + place) % N_EACH}", "purchase",
         START + timedelta(days=30 if place == 3 else place))
        for kind in KINDS for user in range(12) for place in range(4)
    ]  # fmt: skip
    named = "event_id string, user_id string, product_id string, event_type string, event_at timestamp"
    events = filled(spark.createDataFrame(rows, named), "silver.events").persist()
    titles = [(f"{kind}{n}", kind) for kind in KINDS for n in range(N_EACH)]
    titles += [(f"new {kind}", kind) for kind in KINDS]
    products = filled(spark.createDataFrame(titles, "product_id string, title string"), "silver.products")
    return Silver(events, events.limit(0), products.persist())


def nearest(model: ProductModel[Any], k: int) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for row in model.associate(k).collect():
        found.setdefault(row.product_id, set()).add(row.associated_product_id.removeprefix("new ")[:2])
    return found


def vectors(model: ProductModel[Any]) -> np.ndarray:
    assert model.item_vectors_ is not None
    return np.array([row.vector for row in model.item_vectors_.orderBy("product_id").collect()])


def test_new_products_are_embedded_near_similar_ones(shop: Silver) -> None:
    """Trained on the whole graph and validated on what was bought later, with vectors besides titles."""
    given = shop.products.select(
        "product_id", F.array(*[(F.col("title") == kind).cast("float") for kind in KINDS]).alias("vector")
    )
    with_vectors = Silver(shop.events, shop.baskets, shop.products, None, given)
    settings: dict[str, Any] = {**SMALL, "epochs": 40, "cold_share": 0.3, "validation_days": 5, "patience": 30}
    model = Gcn(**settings).fit(with_vectors)
    found = nearest(model, 3)
    assert set(found) == {f"{kind}{n}" for kind in KINDS for n in range(N_EACH)} | {"new tea", "new tool"}
    assert all(kinds == {name.removeprefix("new ")[:2]} for name, kinds in found.items())
    assert (
        max(epoch["quality"] for epoch in model.epochs_) > 0.5
    )  # what was bought later is among the three new ones of its kind
    users = shop.events.sparkSession.createDataFrame(
        [("ann", ["new tool"])], "user_id string, product_ids array<string>"
    )
    assert {row.product_id[:2] for row in model.recommend(users, 4).collect()} == {"to"}


def test_training_in_stages_ends_where_training_in_one_does(shop: Silver) -> None:
    """On the edges of a product graph, with sampled neighbours and the other loss."""
    edges = shop.events.sparkSession.createDataFrame(
        [(f"{kind}{n}", f"{kind}{n + 1}", 1.5) for kind in KINDS for n in range(N_EACH - 1)],
        "src string, dst string, weight double",
    )
    settings: dict[str, Any] = {**SMALL, "fanout": 1, "loss": "bpr"}
    whole, staged = (Gcn(checkpoint_every=every, **settings).fit(replace(shop, edges=edges)) for every in (0, 7))
    np.testing.assert_array_equal(vectors(whole), vectors(staged))
    assert whole.epochs_[-1]["loss"] < whole.epochs_[0]["loss"]


def closed_form(known: DataFrame, products: np.ndarray, hops: int) -> np.ndarray:
    """(E + G E + …) / (hops + 1) with G = ÑᵀÑ, densely."""
    rows = np.zeros((24, len(products)))
    for at, row in enumerate(known.collect()):
        rows[at, [code for code in row["items"] if code >= 0]] = 1
    scaled = rows / np.sqrt(rows.sum(1, keepdims=True) * rows.sum(0, keepdims=True))
    total = part = products
    for _ in range(hops):
        part = scaled.T @ scaled @ part
        total = total + part
    averaged: np.ndarray = total / (hops + 1)
    return averaged


def test_lightgcn_on_two_workers_is_the_closed_formula(spark: SparkSession, shop: Silver) -> None:
    known = customer_rows(interactions(shop.events), shop.products.limit(0), max_length=10)
    products = torch.randn(len(known.degrees), 5, generator=torch.Generator().manual_seed(1))
    with materialised(known.training, 2, "arrow") as feed:
        encoding = LightGcnEncoding(LightGcnSettings(width=5, hops=2), known.degrees, feed)
        weights = Weights.of({"encoder.products": products, "biases": torch.zeros(len(products))}, {})
        task = RecommendationTask(encoding, known.degrees, GraphTrainingSettings())
        found = computed_vectors(spark, task, weights, 2, "cpu").orderBy("code").collect()
    expected = closed_form(known.training, products.numpy().astype(np.float64), 2)
    np.testing.assert_allclose(np.array([row.vector for row in found]), expected, rtol=1e-4, atol=1e-5)


def test_lightgcn_learns_on_two_workers_of_whom_one_has_no_rows_left(shop: Silver) -> None:
    """Of 17 customers, one worker has nine and the other eight: a batch of it is empty."""
    few = shop.events.where(F.col("user_id").rlike("^(tool-|tea-[0-4]$)"))
    settings: dict[str, Any] = {**SMALL, "workers": 2, "batch_size": 16, "epochs": 30, "hops": 2, "initial": "spectral"}
    model = LightGcn(**settings).fit(Silver(few, shop.baskets, shop.products))
    assert all(kinds == {name[:2]} for name, kinds in nearest(model, 3).items())


@pytest.mark.parametrize("loss", ["softmax", "bpr"])
def test_scores_are_those_the_network_learned(loss: Literal["softmax", "bpr"], spark: SparkSession) -> None:
    model = LightGcn(loss=loss, temperature=0.2)
    rows = [("a", [1.0, 0.0], 0.5, 1.0), ("b", [3.0, 4.0], -0.5, 0.5), ("c", [0.0, 2.0], 1.0, 1.0)]
    model.item_vectors_ = spark.createDataFrame(
        rows, "product_id string, vector array<float>, bias float, weight double"
    )
    users = spark.createDataFrame([("ann", ["a", "b"]), ("eve", ["gone"])], "user_id string, product_ids array<string>")
    (row,) = model.recommend(users, 2).collect()
    sums = np.array([1 + 1.5, 2.0])
    expected = sums @ [0.0, 2.0] + 1.0 if loss == "bpr" else sums @ [0.0, 1.0] / np.linalg.norm(sums) + 0.2
    assert (row.user_id, row.product_id, row.rank) == ("ann", "c", 1)
    assert row.score == pytest.approx(expected, rel=1e-5)


def test_settings_that_do_not_go_together_are_refused(shop: Silver) -> None:
    with pytest.raises(ValueError, match="patience needs validation_days"):
        Gcn(patience=2)
    with pytest.raises(ValueError, match="width 10 is not a multiple of heads 4"):
        Gat(width=10)
    with pytest.raises(ValueError, match="GcnSettings has no 'dept'; did you mean 'depth'"):
        Gcn(dept=2)
    with pytest.raises(ValueError, match="no customer has two"):
        LightGcn(**SMALL).fit(Silver(shop.events.where("event_id LIKE '%-1'"), shop.baskets, shop.products))
