"""Counts of pairs against counting the baskets one by one."""

from __future__ import annotations

from collections import Counter
from itertools import permutations

import numpy as np
import pytest
from pyspark.sql import SparkSession

from cartograph.rank.evidence import with_evidence

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
    asked = spark.createDataFrame(pairs, "product_id string, associated_product_id string")
    rows = with_evidence(asked, spark.createDataFrame(baskets, SCHEMA)).collect()
    assert len(rows) == len(pairs)
    for row in rows:
        pair = (row.product_id, row.associated_product_id)
        assert row.n_baskets == together[pair]
        rare = together[pair] < 2
        assert row.n_users == (sum(set(pair) <= products for products in bought.values()) if rare else 0)
        assert row.lift == pytest.approx(together[pair] * 60 / (sizes[pair[0]] * sizes[pair[1]]))


def test_a_pair_never_bought_together_has_zero_counts_and_no_lift(spark: SparkSession) -> None:
    baskets = spark.createDataFrame([("o1", "ann", ["cup"]), ("o2", None, ["lamp"])], SCHEMA)
    asked = spark.createDataFrame([("lamp", "cup")], "product_id string, associated_product_id string")
    [row] = with_evidence(asked, baskets).collect()
    assert (row.n_baskets, row.n_users, row.lift) == (0, 0, None)
