"""Exact p values and quantiles against scipy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from scipy.stats import hypergeom

from cartograph.core.statistics.exact_tests import fisher, hyper_lift, hyper_quantile, p_value


@st.composite
def tables(draw: st.DrawFn) -> tuple[int, int, int, int]:
    n = draw(st.integers(1, 3000))
    a, b = draw(st.integers(1, n)), draw(st.integers(1, n))
    return draw(st.integers(max(0, a + b - n), min(a, b))), a, b, n


def arrays(*counts: int) -> list[np.ndarray]:
    return [np.array([count], np.int64) for count in counts]


@settings(deadline=None, max_examples=400)
@given(tables())
def test_p_values_are_those_of_the_hypergeometric_distribution(counts: tuple[int, int, int, int]) -> None:
    both, a, b, n = counts
    expected = hypergeom.sf(both - 1, n, a, b)
    assert fisher(*arrays(*counts))[0] == pytest.approx(expected, rel=1e-6, abs=1e-13)


@settings(deadline=None, max_examples=200)
@given(tables(), st.sampled_from([0.9, 0.99, 0.999]))
def test_quantiles_are_those_of_the_hypergeometric_distribution(
    counts: tuple[int, int, int, int], share: float
) -> None:
    _, a, b, n = counts
    found = hyper_quantile(*arrays(a, b, n), share)[0]
    assert hypergeom.cdf(found, n, a, b) >= share - 1e-9
    assert found == 0 or hypergeom.cdf(found - 1, n, a, b) < share + 1e-9


def test_tiny_p_values_keep_their_digits() -> None:
    counts = (3_000, 4_000, 5_000, 1_000_000)
    assert fisher(*arrays(*counts))[0] == 0.0  # far below what a double can hold, and no error
    small = (60, 100, 5_000, 100_000)
    assert math.log(fisher(*arrays(*small))[0]) == pytest.approx(hypergeom.logsf(59, 100_000, 100, 5_000), rel=1e-9)


def test_columns_are_computed_in_batches(spark: SparkSession) -> None:
    rows = [(3, 5, 4, 10), (10, 10, 20, 100), (0, 5, 5, 10)]
    counts = spark.createDataFrame(rows, "n_ab long, n_a long, n_b long, n long")
    columns = [F.col(name) for name in counts.columns]
    found = counts.select(p_value(*columns).alias("p"), hyper_lift(*columns).alias("lift")).collect()
    assert [row.p for row in found] == pytest.approx([hypergeom.sf(x - 1, n, a, b) for x, a, b, n in rows])
    assert [row.lift for row in found] == pytest.approx([x / hypergeom.ppf(0.99, n, a, b) for x, a, b, n in rows])
