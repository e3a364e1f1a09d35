"""When reciprocal rank fusion is replaced: intervals worked out by hand, and simulated shops of a hundred customers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import xgboost as xgb
from pyspark.sql import SparkSession

from cartograph.rank.fusion.comparison import LEVEL, Comparison, Improvement, compare
from cartograph.rank.fusion.ranker import xgboost_parameters
from cartograph.rank.settings import RankerSettings

Floats = npt.NDArray[np.float64]
K, N_CANDIDATES, N_MODELS, N_NOISE = 10, 40, 4, 20
TREES = RankerSettings(n_estimators=60, early_stopping_rounds=15)


@dataclass
class Customers:
    """Per customer and candidate: the features, and whether it was bought."""

    features: Floats
    bought: npt.NDArray[np.bool_]

    def some(self, first: int, last: int) -> Customers:
        return Customers(self.features[first:last], self.bought[first:last])

    def by_ranks(self) -> Floats:
        """NDCG of each customer's list by reciprocal ranks."""
        return ndcg((1 / (60 + self.features[:, :, :N_MODELS])).sum(axis=2), self.bought)

    def by_trees(self, ranker: Any) -> Floats:
        return ndcg(ranker.predict(self.rows()).reshape(self.bought.shape), self.bought)

    def rows(self) -> Floats:
        return self.features.reshape(-1, self.features.shape[2])


def world(seed: int, n: int) -> Customers:
    """Customers who buy by a taste that four models see with noise; twenty more features have nothing to do with it."""
    draw = np.random.default_rng(seed)
    taste = draw.normal(size=(n, N_CANDIDATES))
    seen = taste[:, :, None] + draw.normal(scale=1.5, size=(n, N_CANDIDATES, N_MODELS))
    ranks = (-seen).argsort(axis=1).argsort(axis=1) + 1.0
    noise = draw.normal(size=(n, N_CANDIDATES, N_NOISE))
    utility = 1.2 * taste + draw.gumbel(size=taste.shape)
    bought = (-utility).argsort(axis=1).argsort(axis=1) < draw.integers(1, 4, size=(n, 1))
    return Customers(np.concatenate([ranks, noise], axis=2), bought)


def ndcg(scores: Floats, bought: npt.NDArray[np.bool_]) -> Floats:
    places = (-scores).argsort(axis=1, kind="stable").argsort(axis=1)
    gains = np.where(bought & (places < K), 1 / np.log2(places + 2), 0).sum(axis=1)
    best = np.cumsum(1 / np.log2(np.arange(2, K + 2)))
    return np.asarray(gains / best[np.minimum(bought.sum(axis=1), K) - 1])


def trained(learners: Customers, validation: Customers) -> Any:
    ranker = xgb.XGBRanker(**xgboost_parameters(TREES, K), n_jobs=1)
    group, other = (np.repeat(np.arange(len(each.bought)), N_CANDIDATES) for each in (learners, validation))
    stop = [(validation.rows(), validation.bought.ravel().astype(int))]
    rows, labels = learners.rows(), learners.bought.ravel().astype(int)
    return ranker.fit(rows, labels, qid=group, eval_set=stop, eval_qid=[other])


def winner(by_trees: Floats, by_ranks: Floats) -> str:
    difference = by_trees - by_ranks
    mean, variance, n = float(difference.mean()), float(difference.var(ddof=1)), len(difference)
    found = Improvement.of(mean, variance, n, LEVEL / 2)
    return Comparison(n, {}, {"learned": found}).winner


def test_small_shops_keep_reciprocal_ranks_although_validation_customers_would_choose_trees() -> None:
    """A hundred customers, sixty to learn from: trees are worse in truth, but often look better by chance."""
    chosen_on_validation, taken, truth = 0, 0, []
    for seed in range(12):
        shop = world(seed, 100)
        learners, validation, holdout = shop.some(0, 60), shop.some(60, 80), shop.some(80, 100)
        ranker = trained(learners, validation)
        chosen_on_validation += bool(validation.by_trees(ranker).mean() > validation.by_ranks().mean())
        taken += winner(holdout.by_trees(ranker), holdout.by_ranks()) == "learned"
        later = world(1000 + seed, 400)
        truth.append(later.by_trees(ranker).mean() - later.by_ranks().mean())
    assert max(truth) < 0
    assert chosen_on_validation >= 3
    assert taken == 0


def test_trees_are_chosen_if_they_know_more_and_there_are_enough_customers() -> None:
    """One of the irrelevant features is replaced by the taste itself."""
    shop = world(5, 500)
    shop.features[:, :, N_MODELS] = np.where(shop.bought, 1.0, 0.0) + np.random.default_rng(5).normal(
        scale=0.5, size=shop.bought.shape
    )
    ranker, holdout = trained(shop.some(0, 300), shop.some(300, 400)), shop.some(400, 500)
    assert winner(holdout.by_trees(ranker), holdout.by_ranks()) == "learned"


def test_the_best_of_the_significantly_better_methods_wins() -> None:
    improvements = {"calibrated": Improvement(0.02, 0.01, 0.03), "learned": Improvement(0.05, -0.01, 0.11)}
    assert Comparison(50, {}, improvements).winner == "calibrated"
    assert Comparison(50, {}, improvements | {"learned": Improvement(0.05, 0.001, 0.1)}).winner == "learned"
    assert Comparison(50, {}, {"learned": Improvement(0.0, 0.0, 0.0)}).winner == "rrf"


def test_a_handful_of_holdout_customers_decides_nothing() -> None:
    few = Comparison(19, {}, {"learned": Improvement(0.5, 0.4, 0.6)})
    assert (few.winner, few.reason) == (
        "rrf",
        "only 19 holdout customers to compare the methods on; at least 20 are needed",
    )


def test_intervals_are_those_of_student() -> None:
    found = Improvement.of(0.1, 0.04, 16, 0.05)
    assert (found.low, found.high) == pytest.approx((0.1 - 2.131 * 0.05, 0.1 + 2.131 * 0.05), abs=1e-4)
    assert Improvement.of(0.1, 0.0, 1, 0.05).low == float("-inf")


def test_holdout_customers_without_a_list_count_as_zero(spark: SparkSession) -> None:
    """Ann has the right product first by trees and second by ranks; Bob, who bought another, has no list."""
    bought = spark.createDataFrame([("ann", ["cup"]), ("bob", ["pot"])], "user_id string, product_ids array<string>")
    columns = "user_id string, product_id string, rank int"
    lists = {
        "rrf": spark.createDataFrame([("ann", "lamp", 1), ("ann", "cup", 2)], columns),
        "learned": spark.createDataFrame([("ann", "cup", 1), ("ann", "lamp", 2), ("eve", "cup", 1)], columns),
    }
    found = compare(lists, bought, k=2)  # type: ignore[arg-type]
    second = 1 / np.log2(3)
    assert found.n == 2
    assert found.ndcg == pytest.approx({"learned": 0.5, "rrf": second / 2})
    assert found.improvements["learned"].mean == pytest.approx((1 - second) / 2)
    variance = np.var([1 - second, 0], ddof=1)
    assert found.improvements["learned"].high - found.improvements["learned"].mean == pytest.approx(
        12.706 * np.sqrt(variance / 2), abs=1e-3
    )
