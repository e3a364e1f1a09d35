"""Vectors are divided by their lengths."""

from __future__ import annotations

import numpy as np
import pytest
from pyspark.sql import SparkSession

from cartograph.core.search.directions import direction, unit_vectors


def test_a_direction_has_length_one_and_a_zero_vector_has_none() -> None:
    found = direction(np.array([3.0, 4.0], np.float32))
    assert found is not None
    assert found.dtype == np.float32
    assert found == pytest.approx([0.6, 0.8])
    assert direction(np.zeros(3)) is None
    assert direction(None) is None


def test_products_without_a_direction_are_left_out(spark: SparkSession) -> None:
    rows = [("a", [0.0, 2.0]), ("b", [0.0, 0.0]), ("c", None), ("d", [-3.0, 4.0])]
    found = unit_vectors(spark.createDataFrame(rows, "product_id string, vector array<float>")).collect()
    assert {row.product_id: row.vector for row in found} == {"a": [0.0, 1.0], "d": pytest.approx([-0.6, 0.8])}
