"""Contributions of a customer's products to a score of ALS, against the solved normal equations."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pyspark.sql import SparkSession

from cartograph.cf.als import Als
from cartograph.cf.settings import AlsSettings
from cartograph.rank.explanation.als_contributions import als_contributions
from tests.core.checkerboard import N, checkerboard, users_of

FIT = AlsSettings(engine="native", alpha=3.0, regularisation=0.1, frequency_power=0.5)
NAMES = [f"p{n}" for n in range(9)]
FACTORS = np.random.default_rng(3).normal(size=(len(NAMES), 4))
WEIGHTS = {"ann": {"p0": 1.0, "p1": 2.5, "p2": -1.0, "p3": 0.2, "p8": 1.0}, "bob": {"p4": 1.0}, "eve": {"gone": 1.0}}
ASKED = {"ann": ["p5", "p6", "unheard of"], "bob": ["p5"], "eve": ["p5"], "new": ["p5"]}


def solved(weights: dict[str, float]) -> np.ndarray[Any, Any]:
    """The customer's factor: the minimum of the objective, from the normal equations over all products."""
    row = np.array([weights.get(name, 0.0) for name in NAMES])
    confidence, preference = 1 + FIT.alpha * np.abs(row), (row > 0).astype(float)
    ridge = FIT.regularisation * max((row > 0).sum(), 1) ** FIT.frequency_power
    system = (FACTORS.T * confidence) @ FACTORS + ridge * np.eye(4)
    factor: np.ndarray[Any, Any] = np.linalg.solve(system, FACTORS.T @ (confidence * preference))
    return factor


def score_of(user: str, name: str) -> float:
    """Of the model: Ann's has a tenth that her products do not explain."""
    known = user in WEIGHTS and name in NAMES
    return float(solved(WEIGHTS[user]) @ FACTORS[NAMES.index(name)]) + 0.1 * (user == "ann") if known else 0.0


@pytest.fixture(scope="module")
def found(spark: SparkSession) -> dict[tuple[str, str], dict[str, float]]:
    asked = spark.createDataFrame(
        [(user, name, score_of(user, name)) for user, names in ASKED.items() for name in names],
        "user_id string, product_id string, score double",
    )
    weights = spark.createDataFrame(
        [(user, name, weight) for user, row in WEIGHTS.items() for name, weight in row.items()],
        "user_id string, product_id string, weight double",
    )
    items = spark.createDataFrame(
        list(zip(NAMES, FACTORS.tolist(), strict=True)), "product_id string, vector array<float>"
    )
    return {
        (row.user_id, row.product_id): row.taste for row in als_contributions(asked, weights, items, FIT, n=2).collect()
    }


def test_contributions_sum_to_the_score(found: dict[tuple[str, str], dict[str, float]]) -> None:
    assert set(found) == {("ann", "p5"), ("ann", "p6"), ("bob", "p5")}
    for (user, name), taste in found.items():
        assert sum(taste.values()) == pytest.approx(score_of(user, name), abs=1e-5)


def test_the_products_named_contribute_most(found: dict[tuple[str, str], dict[str, float]]) -> None:
    """A returned product contributes nothing."""
    row = np.array([WEIGHTS["ann"].get(name, 0.0) for name in NAMES])
    confidence, liked = 1 + FIT.alpha * np.abs(row), row > 0
    ridge = FIT.regularisation * liked.sum() ** FIT.frequency_power
    inverse = np.linalg.inv((FACTORS.T * confidence) @ FACTORS + ridge * np.eye(4))
    added = {name: confidence[n] * liked[n] * FACTORS[5] @ inverse @ FACTORS[n] for n, name in enumerate(NAMES)}
    expected = dict(sorted(((name, value) for name, value in added.items() if value > 0), key=lambda one: -one[1])[:2])
    found_rows = {name: value for name, value in found["ann", "p5"].items() if name != "other"}
    assert found_rows == pytest.approx(expected, abs=1e-5)
    assert "p2" not in found_rows


FITS = {
    "mllib": {"engine": "mllib"},
    "native": {"engine": "native"},
    "native, exact": {"engine": "native", "solver": "cholesky"},
    "mllib, debiased, with a prior": {"engine": "mllib", "prior_strength": 3.0, "debias": 0.5},
    "native, with a prior": {"engine": "native", "prior_strength": 3.0},
}


@pytest.mark.parametrize("fit", FITS)
def test_scores_of_the_model_are_explained_by_own_products_alone(spark: SparkSession, fit: str) -> None:
    data, model = checkerboard(spark), Als(rank=4, iterations=5, **FITS[fit])
    lists = model.fit(data).recommend(users_of(data), 3).persist()
    settings, items = model.settings, model.item_factors_
    assert items is not None
    rows = als_contributions(lists, model.weights(data.events), items, settings, n=N)
    found_rows = rows.join(lists, ["user_id", "product_id"]).collect()
    # The customer `new` is known by their history alone.
    assert {row.user_id for row in found_rows} == {f"u{user:02}" for user in range(N)}
    n_complete = 0
    for row in found_rows:
        assert sum(row.taste.values()) == pytest.approx(row.score, rel=1e-9)
        # Seven own products each; one that lowers the score is not named.
        if row.rank == 1 and len(row.taste) == 7 + len(["other"]):
            assert abs(row.taste["other"]) < 1e-4 * row.score
            n_complete += 1
    assert n_complete >= N // 2
