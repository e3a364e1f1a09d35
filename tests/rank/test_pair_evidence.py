"""Counts of pairs against counting the baskets one by one."""

from __future__ import annotations

from collections import Counter
from itertools import permutations

import numpy as np
import pytest
from pyspark.sql import SparkSession

from cartograph.core.pairs.kernels import own_entries
from cartograph.rank.explanation.pair_counts import count_requested
from cartograph.rank.explanation.pair_evidence import with_evidence

SCHEMA = "order_id string, user_id string, product_ids array<string>"


def test_counts_and_lift_agree_with_counting_every_basket(spark: SparkSession) -> None:
    draw = np.random.default_rng(5)
    baskets = []
    for order in range(60):
        products = sorted({f"p{draw.integers(8)}" for _ in range(draw.integers(1, 7))})
        user = None if order % 5 == 0 else f"u{draw.integers(6)}"
        baskets.append((f"o{order}", user, products))
    together: Counter[tuple[str, str]] = Counter()
    sizes: Counter[str] = Counter()
    bought: dict[str, set[str]] = {}
    for _, user, products in baskets:
        sizes.update(products)
        together.update(permutations(products, 2))
        if user:
            bought.setdefault(user, set()).update(products)
    pairs = [(f"p{a}", f"p{b}") for a in range(8) for b in range(8) if a != b]
    requested = spark.createDataFrame(pairs, "product_id string, associated_product_id string")
    rows = with_evidence(requested, spark.createDataFrame(baskets, SCHEMA)).collect()
    assert len(rows) == len(pairs)
    for row in rows:
        pair = (row.product_id, row.associated_product_id)
        assert row.n_baskets == together[pair]
        rare = together[pair] < 2
        assert row.n_users == (sum(set(pair) <= products for products in bought.values()) if rare else 0)
        assert row.lift == pytest.approx(together[pair] * 60 / (sizes[pair[0]] * sizes[pair[1]]))


def test_a_pair_never_bought_together_has_zero_counts_and_no_lift(spark: SparkSession) -> None:
    baskets = spark.createDataFrame([("o1", "ann", ["cup"]), ("o2", None, ["lamp"])], SCHEMA)
    requested = spark.createDataFrame([("lamp", "cup")], "product_id string, associated_product_id string")
    [row] = with_evidence(requested, baskets).collect()
    assert (row.n_baskets, row.n_users, row.lift) == (0, 0, None)


def test_a_customer_and_a_basket_of_eight_thousand_products_are_counted_without_their_pairs(
    spark: SparkSession,
) -> None:
    """All their pairs would be 64 million rows; only a thousand are requested."""
    everything = [f"p{n:04}" for n in range(8_000)]
    orders = [("big", "hog", everything), ("one", "hog", ["p0001"]), ("two", "ann", ["p0000", "p0001"])]
    orders += [(f"x{n}", "hub", [f"p{n:04}"]) for n in range(0, 40, 2)]
    pairs = [(everything[n], everything[(n * n + 1) % 8_000]) for n in range(1_000) if (n * n + 1) % 8_000 != n]
    pairs += [("p0000", "p0002"), ("p0000", "gone"), ("gone", "p0000")]
    requested = spark.createDataFrame(pairs, "product_id string, associated_product_id string").distinct()
    found = {(row.product_id, row.associated_product_id): row for row in
             with_evidence(requested, spark.createDataFrame(orders, SCHEMA)).collect()}  # fmt: skip
    assert len(found) == len(set(pairs))
    assert [tuple(found["p0000", other])[2:4] for other in ("p0001", "p0002", "gone")] == [(2, 0), (1, 2), (0, 0)]
    assert found["p0000", "p0001"].lift == pytest.approx(2 * 23 / (3 * 3))
    assert found["p0999", "p6002"][2:] == (1, 1, 23.0)


def test_short_and_long_groups_give_the_same_counts() -> None:
    """Short groups are scanned, long ones searched: both agree with Python sets."""
    draw = np.random.default_rng(3)
    groups = [draw.permutation(200)[: draw.integers(1, 190)].astype(np.int32) for _ in range(60)]
    requested = [draw.permutation(200)[: draw.integers(1, 12)].astype(np.int32) for _ in range(50)]
    requested[3][0] = -1
    members, others = np.concatenate(groups), np.concatenate(requested)
    ends, starts = (np.cumsum([0, *map(len, lists)]) for lists in (groups, requested))
    n_own = 100
    own_starts, own_groups, _, _ = own_entries(ends, members, 1, 2, n_own)  # block 1 of 2: products of odd codes
    positions = np.zeros(200, np.int64)
    rows = np.arange(50)
    counts = count_requested(rows, starts, others, own_starts, own_groups, ends, members, positions)
    sets = [set(group.tolist()) for group in groups]
    expected = [
        sum({2 * row + 1, other} <= each for each in sets) for row in range(50) for other in requested[row].tolist()
    ]
    assert counts.tolist() == expected
    assert not positions.any()
