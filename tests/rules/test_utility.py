"""High-utility itemsets are those that looking at every combination finds."""

from __future__ import annotations

from collections import defaultdict
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from cartograph.rules.utility import high_utility_itemsets, revenue_lines
from cartograph.rules.utility_growth import grow_utility
from tests.rules.baskets import random_baskets

Worth = dict[tuple[str, ...], tuple[int, int]]


def brute_force(baskets: list[dict[str, int]], least: int, max_length: int = 0) -> Worth:
    """Itemset to its baskets and its worth, those worth `least`."""
    counts: dict[tuple[str, ...], int] = defaultdict(int)
    sums: dict[tuple[str, ...], int] = defaultdict(int)
    for basket in baskets:
        for length in range(1, (max_length or len(basket)) + 1):
            for itemset in combinations(sorted(basket), length):
                counts[itemset] += 1
                sums[itemset] += sum(basket[item] for item in itemset)
    return {itemset: (counts[itemset], worth) for itemset, worth in sums.items() if worth >= least}


@settings(deadline=None, max_examples=200)
@given(
    st.lists(st.dictionaries(st.integers(0, 6), st.integers(1, 30), max_size=6), min_size=1, max_size=20),
    st.integers(1, 150), st.integers(0, 4), st.integers(0, 6),
)  # fmt: skip
def test_growth_finds_every_itemset_worth_enough(
    baskets: list[dict[int, int]], least: int, max_length: int, low: int
) -> None:
    items = np.array([item for basket in baskets for item in sorted(basket)], np.int32)
    worth = np.array([basket[item] for basket in baskets for item in sorted(basket)], np.int64)
    offsets = np.concatenate([[0], np.cumsum([len(basket) for basket in baskets])]).astype(np.int64)
    flat, lengths, counts, sums = grow_utility(items, worth, offsets, 7, low, least, max_length)
    ends = np.cumsum(lengths)
    found = {
        tuple(sorted(str(item) for item in flat[end - length : end])): (int(n), int(total))
        for end, length, n, total in zip(ends, lengths, counts, sums, strict=True)
    }
    named = [{str(item): value for item, value in basket.items()} for basket in baskets]
    every = brute_force(named, least, max_length)
    assert len(found) == len(lengths)
    assert found == {itemset: n for itemset, n in every.items() if int(max(itemset)) >= low}


def test_orders_in_spark_give_what_looking_at_every_combination_gives(spark: SparkSession) -> None:
    random = np.random.default_rng(9)
    rows = [
        (f"o{n}", item, int(random.integers(1, 5)), float(random.integers(50, 2000)) / 100)
        for n, basket in enumerate(random_baskets(150, 12, 4.0, seed=9))
        for item in basket
    ]
    rows += [("o0", rows[0][1], 2, 3.5), ("o1", "free", 3, 0.0), (None, "p001", 9, 9.0)]
    lines = spark.createDataFrame(rows, "order_id string, product_id string, quantity int, unit_price double")
    lines = lines.withColumn("event_type", F.lit("purchase"))
    baskets: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for order, product, quantity, price in rows:
        if order and price:
            baskets[order][product] += round(quantity * price * 100)
    total = sum(sum(basket.values()) for basket in baskets.values())
    found = high_utility_itemsets(revenue_lines(lines.repartition(3)), min_share=0.03, max_length=0)
    worth = {tuple(row.itemset): (row.n_baskets, round(row.utility * 100)) for row in found.collect()}
    assert worth == brute_force([dict(basket) for basket in baskets.values()], int(np.ceil(0.03 * total)))
    assert max(len(itemset) for itemset in worth) >= 2


def test_nothing_sold_is_worth_nothing(spark: SparkSession) -> None:
    lines = spark.createDataFrame([], "order_id string, product_id string, utility double")
    assert high_utility_itemsets(lines, min_share=0.01).count() == 0
    with pytest.raises(ValueError, match="min_share"):
        high_utility_itemsets(lines, min_share=0.0)
