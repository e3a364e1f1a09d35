"""Counted pairs as rows, against three baskets counted by hand."""

from __future__ import annotations

from pyspark.sql import SparkSession

from cartograph.core.pairs.coded_groups import coded_groups
from cartograph.core.pairs.counts import catalogue_of
from cartograph.core.pairs.rows import coded_products, pair_rows


def test_every_pair_is_a_row_in_both_directions_with_the_number_of_groups_that_hold_it(spark: SparkSession) -> None:
    baskets = spark.createDataFrame([(["b", "a"],), (["a", "b", "c"],), (["d"],)], "product_ids array<string>")
    groups = coded_groups(baskets)
    catalogue = catalogue_of(groups)
    products = [tuple(row) for row in coded_products(spark, catalogue).orderBy("code").collect()]
    assert products == [(0, "a", 2), (1, "b", 2), (2, "c", 1), (3, "d", 1)]
    pairs = {tuple(row) for row in pair_rows(groups, catalogue).select("code", "other", "sum").collect()}
    assert pairs == {(0, 1, 2), (1, 0, 2), (0, 2, 1), (2, 0, 1), (1, 2, 1), (2, 1, 1)}
