"""The benchmark of public co-purchase graphs reads their format, and finds classes and links that are planted."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from pyspark.sql import SparkSession

from benchmarks.graph import accuracy, area, link_auc
from benchmarks.graph_files import read_graph

N = 180  # products of three classes, joined within their class and described by noisy words


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    generator = np.random.default_rng(2)
    labels = np.arange(N) % 3
    same = labels[:, None] == labels[None]
    edges = sp.csr_matrix((generator.random((N, N)) < np.where(same, 0.15, 0.002)).astype(np.float32))
    words = sp.csr_matrix((generator.random((N, 12)) < np.where(np.arange(12) % 3 == labels[:, None], 0.5, 0.2)) * 1.0)
    parts = {"data": "data", "indices": "indices", "indptr": "indptr", "shape": "shape"}
    arrays = {f"{kind}_{part}": getattr(matrix, name) for kind, matrix in (("adj", edges), ("attr", words))
              for part, name in parts.items()}  # fmt: skip
    path = tmp_path_factory.mktemp("graph") / "small.npz"
    np.savez(path, labels=labels, **arrays)
    return path


def test_planted_classes_and_links_are_found(spark: SparkSession, file: Path) -> None:
    adjacency, features, labels = read_graph(file)
    assert adjacency.shape == (N, N)
    assert (adjacency != adjacency.T).nnz == 0
    assert not adjacency.diagonal().any()
    options = argparse.Namespace(model="gat", epochs=40, link_epochs=30, width=16, fanout=0)
    assert accuracy(spark, adjacency, features, labels, options, 0) > 0.8
    assert link_auc(spark, adjacency, features, options) > 0.75


def test_a_file_without_labels_is_refused_by_name(tmp_path: Path) -> None:
    np.savez(tmp_path / "bad.npz", adj_data=np.ones(1))
    with pytest.raises(ValueError, match=r"lacks adj_indices.*labels; it has adj_data"):
        read_graph(tmp_path / "bad.npz")


def test_the_area_is_the_probability_of_the_right_order() -> None:
    assert area(np.array([3.0, 1.0]), np.array([2.0, 1.0])) == pytest.approx((1 + 1 + 0 + 0.5) / 4)
