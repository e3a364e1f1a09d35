"""Fingerprints of frames differ exactly when their rows do."""

from __future__ import annotations

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import types as T

from cartograph.core.tables.definition import Table
from cartograph.runtime.content import survey

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
    assert not are_equal(spark.createDataFrame([ROW], SCHEMA), spark.createDataFrame(other, SCHEMA))


def test_order_of_rows_and_of_map_entries_is_not_a_difference(spark: SparkSession) -> None:
    rows = [ROW, ("q", "r", [], None)]
    turned = [("q", "r", [], None), ("p", None, ["x"], {"l": "w", "k": "v"})]
    assert are_equal(spark.createDataFrame(rows, SCHEMA), spark.createDataFrame(turned, SCHEMA).repartition(3))


def test_broken_constraints_are_looked_for_in_the_new_rows_alone(spark: SparkSession) -> None:
    table = Table("gold.x", "", T.StructType(), key=("a",), checks=(("known", "b IS NOT NULL"),))
    new, old = spark.createDataFrame([("q", "r", [], None)], SCHEMA), spark.createDataFrame([ROW, ROW], SCHEMA)
    assert survey(new, table, {}, old).problems == []
    assert survey(old, table, {}, new).problems == ["CHECK known (b IS NOT NULL): 2 rows, such as a=p"]


def are_equal(left: DataFrame, right: DataFrame) -> bool:
    """Whether two frames have the same fingerprint."""
    found = survey(left, Table("gold.x", "", left.schema, key=("a",)), {}, right)
    assert found.old is not None
    return found.content == found.old
