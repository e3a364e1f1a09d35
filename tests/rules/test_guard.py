"""Baskets are made safe to mine, and the changes are reported."""

from __future__ import annotations

from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from cartograph.core.settings import settings_of
from cartograph.rules.guard import Guarded, guard, summary
from cartograph.rules.mining import mine
from cartograph.rules.settings import GuardSettings, MiningSettings
from tests.rules.baskets import frame, random_baskets


def guarded_at(
    baskets: DataFrame, min_support: float, users: DataFrame | None = None, max_length: int = 0, **limits: Any
) -> Guarded:
    mining = MiningSettings(min_support=min_support, max_length=max_length)
    return guard(baskets, users, mining, settings_of(GuardSettings, None, limits))


def test_three_copies_of_a_long_basket_do_not_make_a_million_itemsets(spark: SparkSession) -> None:
    """20 products of their own, three times among 20,000 baskets, at a support of three baskets."""
    baskets = random_baskets(20_000, 400, 4.0, seed=1)
    copied = [*baskets, *[[f"copied{n:02}" for n in range(20)]] * 3]
    clean = mine(frame(spark, baskets).coalesce(2), min_support=3 / 20_000, max_length=0).count()
    requested = 3 / len(copied)
    guarded = guarded_at(frame(spark, copied).coalesce(2), requested, length_quantile=1.0, max_itemsets=2 * clean)
    assert guarded.mining.min_support > requested
    n_found = mine(guarded.baskets, guarded.mining).count()
    assert 0 < n_found <= 2 * clean < 2**20
    assert "raised from" in summary(guarded.report, requested)[-1]
    # Where most baskets are shorter, the copies are split, each in its own way, and the support can stay.
    split = guarded_at(frame(spark, copied).coalesce(2), requested, length_quantile=0.999, max_itemsets=2 * clean)
    assert split.report["n_long"] >= 3
    assert mine(split.baskets, split.mining).count() <= 2 * clean


def test_the_estimate_of_all_baskets_is_the_number_of_itemsets(spark: SparkSession) -> None:
    baskets = frame(spark, random_baskets(500, 20, 4.0, seed=2))
    guarded = guarded_at(baskets, 0.02, max_length=3, length_quantile=1.0)
    assert guarded.mining.min_support == 0.02
    assert guarded.report["itemsets_expected"] == mine(baskets, min_support=0.02, max_length=3).count()


@pytest.mark.parametrize(("how", "expected"), [("split", [4, 4, 2]), ("cut", [4]), ("drop", []), ("keep", [10])])
def test_a_long_basket_is_split_cut_dropped_or_kept(spark: SparkSession, how: str, expected: list[int]) -> None:
    long = [f"p{n}" for n in range(10)]
    baskets = frame(spark, [["a", "b", "c", "d"]] * 99 + [long])
    guarded = guarded_at(baskets, 0.05, length_quantile=0.95, long_baskets=how)
    kept = [row.product_ids for row in guarded.baskets.where("order_id = 'o99'").collect()]
    assert sorted((len(part) for part in kept), reverse=True) == expected
    assert all(part == sorted(part) and set(part) <= set(long) for part in kept)
    if how == "split":
        assert sorted(item for part in kept for item in part) == sorted(long)
    assert guarded.report["length_limit"] == 4
    assert guarded.report["n_long"] == 1
    assert guarded.baskets.where("order_id <> 'o99'").count() == 99


def test_baskets_of_wholesale_customers_are_left_out(spark: SparkSession) -> None:
    baskets = frame(spark, [["a", "b"], ["a"], ["c"], []], ["shop", "anna", None, "anna"])
    users = spark.createDataFrame([("shop", True), ("anna", False)], "user_id string, is_wholesale boolean")
    guarded = guarded_at(baskets, 0.1, users)
    assert {row.order_id for row in guarded.baskets.collect()} == {"o1", "o2", "o3"}
    assert guarded.report["n_wholesale"] == 1
    assert guarded.report["n_empty"] == 1
    assert guarded.report["longest"] == 1
    assert "1 baskets of wholesale customers are left out" in summary(guarded.report, 0.1)


def test_no_baskets_pass_the_guard(spark: SparkSession) -> None:
    guarded = guarded_at(frame(spark, []), 0.1)
    assert guarded.baskets.count() == 0
    assert guarded.report["itemsets_expected"] == 0
