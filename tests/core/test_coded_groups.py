"""Groups as integers say what the groups said, and count what they hold."""

from __future__ import annotations

from pyspark.sql import SparkSession

from cartograph.core.pairs.coded_groups import coded_groups, portions

SCHEMA = "product_ids array<string>, key long, sources array<double>, targets array<double>"
GROUPS = [
    (["b", "a"], 5, [1.0, 2.0], [3.0, 4.0]),
    ([], 6, [], []),
    (None, 7, None, None),
    (["a", None, "a"], 8, [5.0, 6.0, 7.0], [8.0, 9.0, 10.0]),
]


def test_a_portion_holds_its_groups_in_order_with_their_numbers(spark: SparkSession) -> None:
    coded = coded_groups(spark.createDataFrame(GROUPS, SCHEMA).coalesce(1))
    (portion,) = portions(coded.toArrow().to_batches())
    assert portion.products.to_pylist() == ["b", "a", None]
    assert portion.codes.tolist() == [0, 1, 1, -1, 1]
    assert portion.starts.tolist() == [0, 2, 2, 2, 5]
    assert portion.keys.tolist() == [5, 6, 7, 8]
    assert portion.sources.tolist() == [1, 2, 5, 6, 7]
    assert portion.targets.tolist() == [3, 4, 8, 9, 10]


def test_a_portion_counts_groups_per_product_and_in_all(spark: SparkSession) -> None:
    row = coded_groups(spark.createDataFrame(GROUPS, SCHEMA).select("product_ids").coalesce(1)).head()
    assert row is not None
    assert (row.product_id, row.n_groups) == (["b", "a", None], [1, 2, 4])
    assert row.n_pairs == 2**2 + 3**2


def test_no_groups_make_no_portion(spark: SparkSession) -> None:
    assert coded_groups(spark.createDataFrame([], SCHEMA)).count() == 0
