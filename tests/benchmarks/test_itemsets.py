"""The benchmark of itemsets warms up in seconds on any baskets."""

from __future__ import annotations

import pytest
from pyspark.sql import DataFrame, SparkSession

from benchmarks.itemsets import warm_up
from cartograph.rules.settings import MiningSettings


def native(min_support: float, max_length: int) -> MiningSettings:
    return MiningSettings(engine="native", min_support=min_support, max_length=max_length)


@pytest.fixture(scope="module")
def dense(spark: SparkSession) -> DataFrame:
    """Ten kinds of basket, twenty copies of each: a tenth of the baskets hold the same 12 products."""
    rows = [([f"{kind}-{item}" for item in range(12)],) for kind in range(10) for _ in range(20)]
    return spark.createDataFrame(rows, "product_ids array<string>").persist()


def test_the_support_is_the_one_asked_for_below_which_there_may_be_itemsets_without_end(dense: DataFrame) -> None:
    assert warm_up(dense, 200, native(0.7, 0)) == 0
    assert warm_up(dense, 200, native(0.1, 1)) == 120  # no longer than asked for


def test_a_slice_of_few_baskets_has_no_itemsets_of_single_ones(dense: DataFrame) -> None:
    assert warm_up(dense, 200, native(0.001, 1)) == 120
    assert warm_up(dense.limit(30), 30, native(0.001, 1)) <= 12  # twenty of thirty baskets at least
