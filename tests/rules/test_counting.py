"""Baskets and customers that hold given itemsets, counted in one pass."""

from __future__ import annotations

import numpy as np
from pyspark.sql import SparkSession

from cartograph.rules.counting import count_itemsets
from tests.rules.baskets import frame, random_baskets


def counted(
    spark: SparkSession, itemsets: list[tuple[str, ...]], baskets: list[list[str]], users: list[str | None]
) -> dict[tuple[str, ...], tuple[int, int]]:
    asked = spark.createDataFrame([(list(itemset),) for itemset in itemsets], "itemset array<string>")
    rows = count_itemsets(asked, frame(spark, baskets, users).repartition(3)).collect()
    assert len({tuple(row.itemset) for row in rows}) == len(rows)
    return {tuple(row.itemset): (row.n_baskets, row.n_users) for row in rows}


def test_a_customer_counts_once_and_a_guest_not_at_all(spark: SparkSession) -> None:
    baskets = [["a", "b"], ["a", "b", "c"], ["b", "a", "a"], ["a"], ["b", "a"]]
    users = ["u1", "u1", "u2", "u2", None]
    found = counted(spark, [("a",), ("a", "b"), ("b", "c"), ("a", "z")], baskets, users)
    assert found == {("a",): (5, 2), ("a", "b"): (4, 2), ("b", "c"): (1, 1)}


def test_random_itemsets_are_counted_as_one_by_one(spark: SparkSession) -> None:
    random = np.random.default_rng(4)
    baskets = random_baskets(600, 40, 6.0, seed=4)
    users = [None if n == 0 else f"u{n}" for n in random.integers(0, 60, len(baskets))]
    products = sorted({item for basket in baskets for item in basket})
    sampled = [tuple(sorted(random.choice(products[:25], size, replace=False))) for size in random.integers(1, 5, 300)]
    itemsets = sorted({tuple(map(str, itemset)) for itemset in sampled})
    expected = {}
    for itemset in itemsets:
        holders = [user for basket, user in zip(baskets, users, strict=True) if set(itemset) <= set(basket)]
        if holders:
            expected[itemset] = (len(holders), len({user for user in holders if user}))
    assert counted(spark, itemsets, baskets, users) == expected
    assert max(len(itemset) for itemset in expected) >= 3


def test_no_itemsets_and_no_baskets_give_no_rows(spark: SparkSession) -> None:
    assert counted(spark, [], [["a"]], ["u"]) == {}
    assert counted(spark, [("a",)], [], []) == {}
