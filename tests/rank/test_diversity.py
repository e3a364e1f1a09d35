"""Diverse lists against slow oracles that follow the definitions."""

from __future__ import annotations

import numpy as np
import pytest
from pyspark.sql import SparkSession

from cartograph.rank.reranking.diversity import diversified, trade_off
from cartograph.rank.reranking.diversity_kernels import pick_dpp, pick_mmr, pick_rows, spread_of

WEIGHTS = (0.05, 0.3, 0.7, 0.95)


def candidates(seed: int, n: int = 12, length: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Relevances, best first, and vectors of length one; one unknown product."""
    draw = np.random.default_rng(seed)
    vectors = draw.normal(size=(n, length))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors[3] = 0
    return np.sort(draw.random(n))[::-1].copy(), vectors.astype(np.float32)


def similarities(vectors: np.ndarray) -> np.ndarray:
    """Cosines; 1 of a product with itself, even if nothing is known about it."""
    cosines = vectors.astype(float) @ vectors.astype(float).T
    np.fill_diagonal(cosines, 1.0)
    return cosines


def slow_mmr(relevance: np.ndarray, vectors: np.ndarray, k: int, diversity: float) -> list[int]:
    chosen: list[int] = []
    near = np.maximum(similarities(vectors), 0)
    while len(chosen) < min(k, len(relevance)):
        left = [each for each in range(len(relevance)) if each not in chosen]
        gains = [(1 - diversity) * relevance[each] - diversity * max((near[each, one] for one in chosen), default=0)
                 for each in left]  # fmt: skip
        chosen.append(left[int(np.argmax(gains))])
    return chosen


def slow_dpp(relevance: np.ndarray, vectors: np.ndarray, k: int, diversity: float) -> list[int]:
    """Greedy, computing every determinant from scratch."""
    quality = np.exp((1 - diversity) / (2 * diversity) * (relevance - relevance.max()))
    kernel = quality[:, None] * similarities(vectors) * quality[None, :]
    chosen: list[int] = []
    while len(chosen) < k:
        left = [each for each in range(len(relevance)) if each not in chosen]
        gains = [np.linalg.slogdet(kernel[np.ix_([*chosen, each], [*chosen, each])])[1] for each in left]
        chosen.append(left[int(np.argmax(gains))])
    return chosen


@pytest.mark.parametrize("diversity", WEIGHTS)
def test_mmr_agrees_with_its_definition(diversity: float) -> None:
    for seed in range(30):
        given = candidates(seed)
        assert pick_mmr(*given, 7, diversity).tolist() == slow_mmr(*given, 7, diversity)


@pytest.mark.parametrize("diversity", WEIGHTS)
def test_the_dpp_maximises_determinants_greedily(diversity: float) -> None:
    for seed in range(30):
        given = candidates(seed, length=8)
        assert pick_dpp(*given, 7, diversity).tolist() == slow_dpp(*given, 7, diversity)


def test_a_dpp_that_no_candidate_improves_continues_by_relevance() -> None:
    relevance = np.array([0.9, 0.8, 0.7, 0.6, 0.5])
    flat = np.array([[1, 0], [1, 0], [1, 0], [0, 1], [0, 1]], dtype=np.float32)
    assert pick_dpp(relevance, flat, 4, 0.5).tolist() == [0, 3, 1, 2]


@pytest.mark.parametrize("pick", [pick_mmr, pick_dpp])
def test_without_diversity_the_most_relevant_are_shown_and_with_more_of_it_lists_spread(pick) -> None:
    spreads = np.zeros(4)
    for seed in range(50):
        given = candidates(seed, n=30)
        assert pick(*given, 5, 0.0).tolist() == [0, 1, 2, 3, 4]
        spreads += [spread_of(pick(*given, 5, weight), given[1]) for weight in (0.0, 0.2, 0.5, 0.9)]
    assert (np.diff(spreads) > 0).all()


def test_each_customer_has_their_own_list_relevance_and_spread() -> None:
    both = [candidates(1), candidates(2, n=4)]
    scores = np.concatenate([relevance * 3 for relevance, _ in both])
    vectors = np.vstack([*(each for _, each in both), np.zeros(5, np.float32)]).astype(np.float32)
    positions = np.array([*range(16)])
    places, kept, spread = pick_rows(np.array([0, 12, 12, 16]), positions, scores, vectors, 5, 0.6, False)
    for row, first, (relevance, own) in ((0, 0, both[0]), (2, 12, both[1])):
        chosen = slow_mmr(relevance / relevance.max(), own, 5, 0.6)
        assert places[row].tolist() == [first + each for each in chosen] + [-1] * (5 - len(chosen))
        assert kept[row] == pytest.approx(relevance[chosen].sum() / relevance[: len(chosen)].sum())
        near = np.maximum(similarities(own)[np.ix_(chosen, chosen)], 0)
        assert spread[row] == pytest.approx(1 - near[np.triu_indices(len(chosen), 1)].mean(), abs=1e-6)
    assert places[1].tolist() == [-1] * 5


def test_lists_are_diverse_by_the_vectors_of_their_candidates(spark: SparkSession) -> None:
    scores = {"ann": {"a1": 1.0, "a2": 0.95, "b1": 0.5, "x": 0.1}, "bob": {"x": 2.0}, "cat": {"a2": 1.0, "a1": 0.9}}
    rows = [
        (user, product, score, rank)
        for user, products in scores.items()
        for rank, (product, score) in enumerate(products.items(), 1)
    ]
    lists = spark.createDataFrame(rows, "user_id string, product_id string, score double, rank int").persist()
    known = [("a1", [2.0, 0.0]), ("a2", [3.0, 0.1]), ("b1", [0.0, 1.0]), ("unused", [1.0, 1.0])]
    vectors = spark.createDataFrame(known, "product_id string, vector array<float>")
    found: dict[str, list[str]] = {}
    for row in diversified(lists, vectors, 2, "mmr", 0.5).orderBy("user_id", "rank").collect():
        found.setdefault(row.user_id, []).append(row.product_id)
    assert found == {"ann": ["a1", "b1"], "bob": ["x"], "cat": ["a2", "a1"]}
    none, some = trade_off(lists, vectors, 2, "dpp", [0.0, 0.5]).collect()
    assert (none.diversity, none.relevance, none.n_users) == (0.0, 1.0, 3)
    assert some.relevance < 1
    assert some.spread > none.spread
