"""Fingerprints tell frames apart exactly when their rows differ."""

from __future__ import annotations

import pytest
from pyspark.sql import SparkSession

from cartograph.runtime.content import fingerprint

SCHEMA = "a string, b string, xs array<string>, m map<string, string>"
ROW = ("p", None, ["x"], {"k": "v", "l": "w"})


@pytest.mark.parametrize(
    "other",
    [
        pytest.param([(None, "p", ["x"], {"k": "v", "l": "w"})], id="a value in another column"),
        pytest.param([("p", None, ["x", None], {"k": "v", "l": "w"})], id="a null more in an array"),
        pytest.param([("p", None, None, {"k": "v", "l": "w"})], id="no array"),
        pytest.param([("p", None, ["x"], {"k": "w", "l": "v"})], id="values of a map swapped"),
        pytest.param([ROW, ROW], id="the row twice"),
        pytest.param([], id="no row"),
    ],
)
def test_a_difference_is_seen(spark: SparkSession, other: list[tuple[object, ...]]) -> None:
    left, right = spark.createDataFrame([ROW], SCHEMA), spark.createDataFrame(other, SCHEMA)
    assert fingerprint(left) != fingerprint(right)


def test_order_of_rows_and_of_map_entries_is_not_a_difference(spark: SparkSession) -> None:
    rows = [ROW, ("q", "r", [], None)]
    turned = [("q", "r", [], None), ("p", None, ["x"], {"l": "w", "k": "v"})]
    left, right = spark.createDataFrame(rows, SCHEMA), spark.createDataFrame(turned, SCHEMA)
    assert fingerprint(left) == fingerprint(right.repartition(3))
