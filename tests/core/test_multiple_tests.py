"""Many tests at once: q-values are Benjamini and Hochberg's, and the smallest of two p-values is corrected."""

from __future__ import annotations

import numpy as np
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from scipy.stats import false_discovery_control

from cartograph.core.statistics.multiple_tests import least_of, with_q_value


def test_q_values_are_those_of_scipy(spark: SparkSession) -> None:
    p = np.random.default_rng(2).uniform(0, 1, 200) ** 3
    rows = spark.createDataFrame([(n, float(value)) for n, value in enumerate(p)], "n int, p double").repartition(3)
    found = {row.n: row.q for row in with_q_value(rows, "p", "q", ["n"]).collect()}
    assert [found[n] for n in range(len(p))] == pytest.approx(false_discovery_control(p))


def test_the_corrected_smallest_of_two_p_values_is_a_p_value(spark: SparkSession) -> None:
    """Of random pairs a tenth has a p-value of .05 or less, and a twentieth should."""
    pairs = np.random.default_rng(3).uniform(0, 1, (20_000, 2))
    rows = spark.createDataFrame(pairs.tolist(), "one double, other double")
    corrected = least_of(F.col("one"), F.col("other"))
    found = rows.select(
        F.avg((F.least("one", "other") <= 0.05).cast("int")).alias("least"),
        F.avg((corrected <= 0.05).cast("int")).alias("corrected"),
    ).collect()[0]
    assert found.least == pytest.approx(0.0975, abs=0.006)
    assert found.corrected == pytest.approx(0.05, abs=0.005)


def test_small_p_values_keep_their_digits_and_one_alone_is_itself(spark: SparkSession) -> None:
    rows = spark.createDataFrame([(1e-200, 0.5, 0.3)], "a double, b double, c double")
    [found] = rows.select(*[least_of(*map(F.col, names)) for names in ("ab", "abc", "c")]).collect()
    assert list(found) == [pytest.approx(2e-200), pytest.approx(3e-200), 0.3]
