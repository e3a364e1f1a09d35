"""User neighbours give what dense matrices give, and look through the newest customers of a product."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pyspark.sql import SparkSession

from cartograph.cf.user_neighbours import UserNeighbours
from cartograph.core.model import Silver
from cartograph.core.views.histories import histories
from tests.cf import item_models as slow

N_BOUGHT = slow.N_ITEMS - 1  # nobody has the last product


@pytest.fixture(scope="module")
def data(spark: SparkSession) -> Silver:
    return slow.silver(spark)


def similarities(measure: str, shrinkage: float, threshold: int) -> Any:
    """Of all customers, themselves left out."""
    X = slow.matrix()[:, :N_BOUGHT]
    common, n = X @ X.T, X.sum(axis=1)
    plain = np.corrcoef(X) if measure == "pearson" else common / np.sqrt(np.outer(n, n))
    trusted = common / np.maximum(common + shrinkage, 1) * np.minimum(common, threshold) / threshold
    return np.where(common > 0, np.maximum(plain, 0) * trusted, 0.0) * (1 - np.eye(slow.N_USERS))


def nearest(sims: Any, k: int) -> Any:
    """Each row's `k` largest, of equal ones those of the smaller user_id; the others 0."""
    names = [f"u{user}" for user in range(slow.N_USERS)]
    kept = np.zeros_like(sims)
    for user, row in enumerate(sims):
        order = sorted(range(slow.N_USERS), key=lambda other: (-round(row[other], 8), names[other]))
        kept[user, order[:k]] = row[order[:k]]
    return kept


@pytest.mark.parametrize(
    ("measure", "shrinkage", "threshold", "k"), [("cosine", 2.0, 1, 5), ("pearson", 0.0, 3, 30), ("cosine", 0.0, 1, 30)]
)
def test_scores_are_those_of_dense_matrices(
    measure: str, shrinkage: float, threshold: int, k: int, data: Silver
) -> None:
    model = UserNeighbours(measure=measure, shrinkage=shrinkage, threshold=threshold, n_neighbours=k).fit(data)
    X = slow.matrix()
    scores = nearest(similarities(measure, shrinkage, threshold), k) @ X * (1 - X)
    expected = {(f"u{u}", slow.product(i)): scores[u, i] for u, i in np.argwhere(scores > 0)}
    found = model.recommend(histories(data.events), slow.N_ITEMS).collect()
    assert len(expected) > 50
    assert {(row.user_id, row.product_id): row.score for row in found} == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("measure", ["cosine", "pearson"])
def test_products_are_associated_as_a_customer_of_one_product_sees_them(measure: str, data: Silver) -> None:
    X = slow.matrix()[:, :N_BOUGHT]
    n_u = X.sum(axis=1)
    weight = np.sqrt((N_BOUGHT - n_u) / ((N_BOUGHT - 1) * n_u)) if measure == "pearson" else n_u**-0.5
    scores = X.T @ (weight[:, None] * X)
    expected = slow.scored(lambda i, j: scores[i, j] or None if max(i, j) < N_BOUGHT else None)
    found = slow.found(UserNeighbours(measure=measure).fit(data))
    assert found == pytest.approx(expected, abs=1e-6)


def test_a_customer_who_came_later_has_neighbours_too(spark: SparkSession, data: Silver) -> None:
    model = UserNeighbours(shrinkage=0.0).fit(data)
    known = np.flatnonzero(slow.matrix()[3]).tolist()
    later = [("new", [slow.product(i) for i in known] + ["never sold"])]
    row = model.neighbours(spark.createDataFrame(later, "user_id string, product_ids array<string>")).head()
    assert row is not None
    similarity = dict(zip(row["ids"], row["values"], strict=True))
    assert similarity["u3"] == pytest.approx(1.0)
    assert row["values"] == sorted(row["values"], reverse=True)


def test_only_the_newest_customers_of_a_product_are_looked_through(data: Silver) -> None:
    model = UserNeighbours(max_users=1, shrinkage=0.0).fit(data)
    last: dict[int, tuple[int, str]] = {}  # of equal days the smaller user_id
    for user, items in enumerate(slow.sequences()):
        for place, item in enumerate(items):
            last[item] = min(last.get(item, (1, "")), (-user - place, f"u{user}"))
    found = model.neighbours(histories(data.events)).collect()
    expected = {
        f"u{user}": {last[item][1] for item in items} - {f"u{user}"} for user, items in enumerate(slow.sequences())
    }
    assert {row["id"]: set(row["ids"]) for row in found} == {user: them for user, them in expected.items() if them}


def test_an_unknown_measure_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValueError, match=r"measure\n.*'cosine' or 'pearson'.*jaccard"):
        UserNeighbours(measure="jaccard")
