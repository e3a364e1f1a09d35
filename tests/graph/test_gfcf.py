"""GF-CF scores what its formula says, its singular vectors are those of a dense decomposition, on two workers."""

from __future__ import annotations

import numpy as np
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from cartograph.core.linear.subspace_iteration import orthonormal
from cartograph.core.model import Silver
from cartograph.graph.gfcf import GfCf
from cartograph.graph.spectral.singular_vectors import singular_vectors
from tests.core.checkerboard import filled

N_USERS, N_ITEMS = 30, 12


def bought() -> np.ndarray:
    """Who has what: random zeros and ones without empty rows or columns."""
    rows = (np.random.default_rng(3).random((N_USERS, N_ITEMS)) < 0.3).astype(float)
    rows[np.arange(N_USERS), np.arange(N_USERS) % N_ITEMS] = 1
    return rows


def normalised(rows: np.ndarray) -> np.ndarray:
    found: np.ndarray = rows / np.sqrt(rows.sum(1, keepdims=True) * rows.sum(0, keepdims=True))
    return found


@pytest.fixture(scope="module")
def data(spark: SparkSession) -> Silver:
    rows = [(f"{user}-{item}", f"u{user:02}", f"p{item:02}", "purchase") for user, item in np.argwhere(bought())]
    events = spark.createDataFrame(rows, "event_id string, user_id string, product_id string, event_type string")
    dated = events.withColumn("event_at", F.to_timestamp(F.lit("2026-01-01")))
    filled_events = filled(dated, "silver.events").persist()
    return Silver(filled_events, filled_events.limit(0), filled_events.select("product_id").distinct())


def test_scores_are_those_of_the_formula(spark: SparkSession, data: Silver) -> None:
    model = GfCf(n_vectors=3, alpha=0.3, n_neighbours=N_ITEMS, sweeps=40).fit(data)
    scaled, roots = normalised(bought()), np.sqrt(bought().sum(0))
    linear = scaled.T @ scaled
    np.fill_diagonal(linear, 0)  # what recommends itself is masked, so it is not kept
    strongest = np.linalg.svd(scaled)[2][:3].T
    ideal = (strongest / roots[:, None]) @ (strongest * roots[:, None]).T
    history = np.zeros(N_ITEMS)
    history[[1, 4]] = 1
    expected = history @ (linear + 0.3 * ideal)
    ann = [("ann", ["p01", "p04", "unheard of"])]
    users = spark.createDataFrame(ann, "user_id string, product_ids array<string>")
    found = {row.product_id: row.score for row in model.recommend(users, N_ITEMS).collect()}
    assert set(found) == {f"p{item:02}" for item in range(N_ITEMS)} - {"p01", "p04"}
    assert [found[name] for name in sorted(found)] == pytest.approx(
        [expected[item] for item in range(N_ITEMS) if item not in (1, 4)], abs=1e-4
    )


def test_more_products_than_a_task_may_hold_are_refused(data: Silver) -> None:
    with pytest.raises(ValueError, match=r"there are 12 products: raise graph\.gfcf\.max_products above 10"):
        GfCf(max_products=10).fit(data)


def test_singular_vectors_are_those_of_a_dense_decomposition(spark: SparkSession) -> None:
    pairs = spark.createDataFrame(
        [(int(user), int(item)) for user, item in np.argwhere(bought())], "user int, item int"
    )
    rows = singular_vectors(pairs, N_ITEMS, 4, sweeps=40).orderBy("code").collect()
    found, expected = np.array([row.vector for row in rows]), np.linalg.svd(normalised(bought()))[2][:4].T
    assert [row.degree for row in rows] == bought().sum(0).tolist()
    np.testing.assert_allclose(np.abs((found * expected).sum(0)), 1, atol=1e-3)  # signs are nobody's business


def test_columns_become_orthonormal_also_where_they_are_nearly_parallel() -> None:
    vectors = np.random.default_rng(1).standard_normal((40, 4)).astype(np.float32)
    vectors[:, 3] = vectors[:, 2] + 1e-2 * vectors[:, 3]
    found = orthonormal(vectors)
    np.testing.assert_allclose(found.T @ found, np.eye(4), atol=1e-3)
