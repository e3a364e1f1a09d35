"""Paths of two edges connect products by the neighbour that both are bought with most."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from pyspark.sql import SparkSession

from cartograph.rank.explanation.connections import paths


def test_the_strongest_path_of_two_edges_is_taken(spark: SparkSession) -> None:
    names = [f"p{n:02}" for n in range(14)]
    draw = np.random.default_rng(4)
    edges = [
        (one, other, int(draw.integers(1, 5)), round(float(draw.random()), 6))
        for one, other in permutations(names, 2)
        if draw.random() < 0.9
    ]
    given = spark.createDataFrame(edges, "src string, dst string, n_orders long, weight double")
    near: dict[str, dict[str, float]] = {}
    for one, other, n_orders, weight in sorted(edges, key=lambda edge: -edge[3]):
        if n_orders >= 2 and len(near.setdefault(one, {})) < 10:
            near[one][other] = weight
    expected = {
        (one, end): max(
            (min(weight, near[via][end]), via) for via, weight in near[one].items() if end in near.get(via, {})
        )
        for one, end in permutations(names, 2)
        if any(end in near.get(via, {}) for via in near.get(one, {}))
    }
    found = {(row.src, row.dst): (row.score, row.via) for row in paths(given).collect()}
    assert found.keys() == expected.keys()
    for pair, (score, via) in found.items():
        assert (score, via) == (pytest.approx(expected[pair][0]), expected[pair][1])


def test_paths_do_not_follow_pairs_bought_only_once(spark: SparkSession) -> None:
    edges = [("cup", "pot", 1, 0.9), ("pot", "tea", 5, 0.9)]
    assert paths(spark.createDataFrame(edges, "src string, dst string, n_orders long, weight double")).count() == 0
