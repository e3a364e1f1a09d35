"""Whitened vectors have the same variance in every direction, whichever task holds them; what is missing stays so."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from pyspark.errors import PythonException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from cartograph.embed.whitening import unit_rows, whitenings, widths_of

N = 400


@pytest.fixture(scope="module")
def given(spark: SparkSession) -> DataFrame:
    """Four numbers of unequal variance, the last two of them one; some missing, one zero; and a constant column."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(N, 3)) * (5.0, 1.0, 0.2) + (2.0, 0.0, 1.0)
    lists = [None if n % 10 == 0 else [0.0] * 4 if n == 1 else [*row, row[2]] for n, row in enumerate(rows.tolist())]
    table = pa.table({"product_id": [f"p{n:03}" for n in range(N)], "a": pa.array(lists, pa.list_(pa.float32()))})
    same = F.array(F.lit(3.0), F.lit(4.0)).cast("array<float>").alias("same")
    return spark.createDataFrame(table).repartition(3).select("*", same).persist()


def test_axes_are_uncorrelated_and_have_the_same_variance(given: DataFrame) -> None:
    found = whitenings(given, ["a", "same"], 4)
    assert widths_of(found) == {"a": 3}  # the last two numbers are one; `same` distinguishes nothing
    table = given.select("a").toArrow().column("a").combine_chunks()
    _, units = unit_rows(table)
    whitened = (units - found["a"].mean) @ found["a"].axes
    np.testing.assert_allclose(whitened.mean(axis=0), 0, atol=1e-9)
    shrunk = np.cov(whitened.T, bias=True)
    np.testing.assert_allclose(shrunk - np.diag(np.diag(shrunk)), 0, atol=1e-9)
    assert np.all((np.diag(shrunk) > 0.2) & (np.diag(shrunk) < 1.02))  # shrunk towards a sphere: the least vary less


def test_only_the_first_axes_are_kept(given: DataFrame) -> None:
    two, three = (whitenings(given, ["a"], width)["a"].axes for width in (2, 3))
    np.testing.assert_allclose(two, three[:, :2])


def test_missing_and_zero_vectors_are_zeros_and_absent(given: DataFrame) -> None:
    whitening = whitenings(given, ["a"], 3)["a"]
    vectors = pa.array([None, [0.0] * 4, [1.0, 2.0, 3.0, 3.0]], pa.list_(pa.float32()))
    rows, present = whitening.applied(vectors)
    assert present.tolist() == [False, False, True]
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), [0, 0, 1], rtol=1e-6)
    nothing, absent = whitening.applied(vectors.slice(0, 1))
    assert (nothing.shape, absent.tolist()) == ((1, 3), [False])


def test_vectors_of_several_lengths_are_refused_by_name(spark: SparkSession) -> None:
    rows = spark.createDataFrame([([1.0, 2.0],), ([1.0],)], "words array<float>").coalesce(1)
    with pytest.raises(PythonException, match=r"model words: vectors must have one length, found \[1, 2\]"):
        whitenings(rows, ["words"], 2)
