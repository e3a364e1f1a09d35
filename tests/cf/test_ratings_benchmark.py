"""The benchmark of ratings reads any file with a rating a line, and predicts each rating from the others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pyspark.sql import SparkSession

from benchmarks.ratings import cross_validated_rmse, events_of, mllib_settings

SETTINGS = {"engine": "native", "implicit": False, "rank": 2, "iterations": 15, "regularisation": 0.01,
            "solver": "cholesky"}  # fmt: skip


def test_lines_without_a_rating_are_left_out_and_counted(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "ratings").write_text("user movie score\n1\t2\t3\t881250949\nu, i, 4.5\n\n7 8 9\nonly two\n")
    rated, n_left_out = events_of(spark, str(tmp_path / "ratings"), 3)
    found = {(row.user_id, row.product_id, row.rating) for row in rated.collect()}
    assert found == {("1", "2", 3.0), ("u", "i", 4.5), ("7", "8", 9.0)}
    assert n_left_out == 3


def test_a_file_without_ratings_is_refused_by_name(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "words").write_text("no ratings here\n")
    with pytest.raises(SystemExit, match=r"words: no line begins with"):
        events_of(spark, str(tmp_path / "words"), 3)


def test_ratings_of_few_dimensions_are_predicted(spark: SparkSession, tmp_path: Path) -> None:
    """Products of a customer's and a product's two numbers, four in five of which are known."""
    draw = np.random.default_rng(5)
    ratings = draw.uniform(0.5, 1.5, (30, 2)) @ draw.uniform(0.5, 1.5, (2, 20))
    lines = [f"u{u} p{p} {ratings[u, p]:.4f}" for u in range(30) for p in range(20)]
    (tmp_path / "ratings").write_text("\n".join(lines))
    rated, _ = events_of(spark, str(tmp_path / "ratings"), 5)
    assert cross_validated_rmse(rated, SETTINGS, 5) < 0.1 * float(ratings.std())
    assert mllib_settings(SETTINGS) == {
        **{name: value for name, value in SETTINGS.items() if name != "solver"}, "engine": "mllib",
    }  # fmt: skip
