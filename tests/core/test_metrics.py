"""The metric formulas against a slow oracle and against values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from sklearn.metrics import (
    average_precision_score,
    label_ranking_average_precision_score,
    ndcg_score,
    precision_score,
    recall_score,
)

from cartograph.core.statistics import metrics


def oracle(hits: list[int], n_relevant: int, k: int) -> dict[str, float]:
    """The same metrics from a vector of 0 and 1, straight from the definitions."""
    relevance = np.zeros(max([k, *hits]))
    relevance[[rank - 1 for rank in hits]] = 1
    relevance = relevance[:k]
    discount = 1 / np.log2(np.arange(2, k + 2))
    first = np.flatnonzero(relevance)
    precision_at = np.cumsum(relevance) / np.arange(1, k + 1)
    possible = min(n_relevant, k)
    return {
        "precision": relevance.mean(),
        "recall": relevance.sum() / n_relevant,
        "hit_rate": float(relevance.any()),
        "mrr": 1 / (first[0] + 1) if first.size else 0.0,
        "map": (precision_at * relevance).sum() / possible,
        "ndcg": (relevance * discount).sum() / discount[:possible].sum(),
    }


def computed(spark: SparkSession, rows: list[tuple[list[int], int]], k: int) -> list[dict[str, float]]:
    frame = spark.createDataFrame(rows, "hit_ranks array<int>, n_relevant int")
    columns = metrics.ranking_metrics(F.col("hit_ranks"), F.col("n_relevant"), k)
    return [row.asDict() for row in frame.select(*[value.alias(name) for name, value in columns.items()]).collect()]


@pytest.mark.parametrize("k", [1, 5, 10])
def test_every_metric_agrees_with_the_oracle_to_nine_digits(spark: SparkSession, k: int) -> None:
    draw = np.random.default_rng(3)
    rows = []
    for _ in range(200):
        hits = sorted(int(rank) for rank in draw.choice(np.arange(1, 21), size=draw.integers(0, 9), replace=False))
        rows.append((hits, len(hits) + int(draw.integers(0, 4)) or 1))
    for got, (hits, n_relevant) in zip(computed(spark, rows, k), rows, strict=True):
        assert got == pytest.approx(oracle(hits, n_relevant, k), abs=1e-9)


def test_metrics_agree_with_those_of_a_public_library(spark: SparkSession) -> None:
    draw, k, n_products = np.random.default_rng(5), 10, 40
    rows, expected = [], []
    for _ in range(30):
        truth = np.zeros(n_products, dtype=int)
        truth[draw.choice(n_products, size=draw.integers(1, 9), replace=False)] = 1  # products in order of the ranking
        hits = [int(place) + 1 for place in np.flatnonzero(truth[:k])]
        scores, listed = -np.arange(n_products), np.arange(n_products) < k
        precisions = average_precision_score(truth * listed, scores) * len(hits) if hits else 0.0
        first = np.arange(n_products) == (hits[0] - 1 if hits else -1)
        expected.append({
            "precision": precision_score(truth, listed, zero_division=0), "recall": recall_score(truth, listed),
            "hit_rate": float(bool(hits)), "ndcg": ndcg_score([truth], [scores], k=k),
            "map": precisions / min(truth.sum(), k),
            "mrr": label_ranking_average_precision_score([first], [scores]) if hits else 0.0,
        })  # fmt: skip
        rows.append((hits, int(truth.sum())))
    for got, right in zip(computed(spark, rows, k), expected, strict=True):
        assert got == pytest.approx(right, abs=1e-9)


def test_hits_at_second_and_fourth_place_of_three_relevant_products(spark: SparkSession) -> None:
    [got] = computed(spark, [([2, 4], 3)], 5)
    assert got["precision"] == pytest.approx(2 / 5)
    assert got["recall"] == pytest.approx(2 / 3)
    assert got["mrr"] == pytest.approx(1 / 2)
    assert got["map"] == pytest.approx((1 / 2 + 2 / 4) / 3)
    assert got["ndcg"] == pytest.approx((1 / np.log2(3) + 1 / np.log2(5)) / (1 + 1 / np.log2(3) + 1 / np.log2(4)))


def test_an_empty_list_scores_zero_everywhere(spark: SparkSession) -> None:
    [got] = computed(spark, [([], 2)], 10)
    assert set(got) == set(metrics.RANKING_METRICS)
    assert all(value == 0 for value in got.values())


def test_a_product_half_the_customers_bought_carries_one_bit(spark: SparkSession) -> None:
    row = spark.range(1).select(metrics.self_information(F.lit(49), F.lit(99)).alias("bits")).collect()[0]
    assert row["bits"] == pytest.approx(1.0)


def test_mean_of_first_takes_short_arrays_as_they_are_and_empty_ones_as_null(spark: SparkSession) -> None:
    frame = spark.createDataFrame([([1.0, 2.0, 6.0],), ([4.0],), ([],)], "values array<double>")
    got = [row[0] for row in frame.select(metrics.mean_of_first(F.col("values"), 2)).collect()]
    assert got == [1.5, 4.0, None]
