"""Approximate search finds nearly what exact search finds, never what is masked, and reports where it cannot."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
from pyspark.sql import DataFrame, SparkSession

from cartograph.core.search import approximate
from cartograph.core.search.approximate import approximate_top_k, best_products, recall
from cartograph.core.search.topk import top_k

pytest.importorskip("faiss", reason="the extra `approximate` is not installed")
N_ITEMS, N_QUERIES, LENGTH, K = 4000, 120, 16, 10


def clustered(rng: np.random.Generator, n: int) -> Any:
    """Vectors around 40 centres, of quite different lengths, as factors are."""
    centres = np.random.default_rng(1).normal(size=(40, LENGTH))
    near = centres[rng.integers(0, 40, n)] + 0.5 * rng.normal(size=(n, LENGTH))
    return (near * rng.lognormal(0, 0.4, (n, 1))).astype(np.float32)


@pytest.fixture(scope="module")
def items(spark: SparkSession) -> DataFrame:
    rows = [(f"p{i:04}", vector.tolist()) for i, vector in enumerate(clustered(np.random.default_rng(2), N_ITEMS))]
    return spark.createDataFrame(rows, "product_id string, vector array<float>").persist()


@pytest.fixture(scope="module")
def queries(spark: SparkSession, items: DataFrame) -> DataFrame:
    """Every third query may not see what it would like best, every other of those one product only."""
    vectors = clustered(np.random.default_rng(3), N_QUERIES)
    matrix = np.array([row.vector for row in items.orderBy("product_id").collect()])
    best = np.argsort(-vectors @ matrix.T, axis=1)
    masks = [[f"p{i:04}" for i in best[n, : (30 if n % 2 else 1)]] if n % 3 == 0 else None for n in range(N_QUERIES)]
    rows = [(n, vector.tolist(), masks[n]) for n, vector in enumerate(vectors)]
    return spark.createDataFrame(rows, "id long, vector array<float>, mask array<string>").persist()


def test_recall_is_at_least_what_was_asked_for(queries: DataFrame, items: DataFrame) -> None:
    exact = top_k(queries, items, K).persist()
    found = approximate_top_k(queries, items, K, min_recall=0.95, block_rows=1500).persist()
    assert found.schema == exact.schema
    assert recall(found, exact) >= 0.95 - 0.02  # measured on a sample, which is all of them here
    masked = queries.selectExpr("id", "explode(mask) AS product_id")
    assert found.join(masked, ["id", "product_id"], "left_semi").count() == 0
    scores = {(row.id, row.product_id): row.score for row in exact.collect()}
    ranked: dict[int, list[tuple[float, int]]] = {}
    for row in found.collect():
        if (row.id, row.product_id) in scores:
            assert row.score == pytest.approx(scores[row.id, row.product_id], rel=1e-4)
        ranked.setdefault(row.id, []).append((row.score, row["rank"]))
    for rows in ranked.values():
        assert sorted(rows, key=lambda entry: entry[1]) == sorted(rows, key=lambda entry: -entry[0])
        assert [rank for _, rank in sorted(rows, key=lambda entry: entry[1])] == list(range(1, K + 1))


def test_where_no_walk_is_wide_enough_the_answer_is_exact(
    queries: DataFrame, items: DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(approximate, "_WIDTHS", (1,))
    found = approximate_top_k(queries, items, K, min_recall=1.1)
    assert sorted(map(tuple, found.collect())) == sorted(map(tuple, top_k(queries, items, K).collect()))


def test_small_catalogues_are_searched_exactly(
    queries: DataFrame, items: DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(approximate, "top_k", lambda *_: asked.append("exact"))
    monkeypatch.setattr(approximate, "approximate_top_k", lambda *_: asked.append("approximate"))
    for above in (None, N_ITEMS, N_ITEMS - 1):
        best_products(queries, items, K, above)
    assert asked == ["exact", "exact", "approximate"]


def test_empty_frames_give_no_rows(queries: DataFrame, items: DataFrame) -> None:
    assert approximate_top_k(queries, items.where("false"), K).count() == 0
    assert approximate_top_k(queries.where("false"), items.limit(50), K).count() == 0


def test_filters_are_refused(queries: DataFrame, items: DataFrame) -> None:
    with pytest.raises(ValueError, match=r"does not support \['price_low'\]"):
        approximate_top_k(queries.selectExpr("*", "1.0 AS price_low"), items, K)
    with pytest.raises(ValueError, match="k must be at least 1, not 0"):
        approximate_top_k(queries, items, 0)


def test_without_the_library_the_extra_to_install_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(ModuleNotFoundError, match=r"install cartograph\[approximate\]"):
        approximate._faiss()
