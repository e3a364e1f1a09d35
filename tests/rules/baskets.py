"""Baskets for the tests: frames from lists, random ones, and the public data sets."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np
from pyspark.sql import DataFrame, SparkSession

from cartograph.core.settings import settings_of
from cartograph.rules.settings import Engine, MiningSettings
from tests.rules.oracle import Counts

DAY = datetime(2026, 1, 1)
SCHEMA = "order_id string, user_id string, ordered_at timestamp, product_ids array<string>"


def frame(
    spark: SparkSession, baskets: Sequence[Sequence[str]], users: Sequence[str | None] | None = None
) -> DataFrame:
    """Rows of silver.baskets; everybody is a guest unless `users` says otherwise."""
    owners = users or [None] * len(baskets)
    rows = [(f"o{n}", owner, DAY, list(basket)) for n, (basket, owner) in enumerate(zip(baskets, owners, strict=True))]
    return spark.createDataFrame(rows, SCHEMA)


def counts_of(itemsets: DataFrame) -> Counts:
    """Itemset to n_baskets; fails on an itemset given twice or not in order."""
    rows = itemsets.collect()
    counts = {tuple(row.itemset): row.n_baskets for row in rows}
    assert len(counts) == len(rows)
    assert all(list(row.itemset) == sorted(row.itemset) and row.n_items == len(row.itemset) for row in rows)
    return counts


def random_baskets(n: int, n_items: int, length: float, seed: int, copies: int = 0) -> list[list[str]]:
    """Baskets of independent products, some far more popular than others; the first ones repeated `copies` times."""
    random = np.random.default_rng(seed)
    popularity = 1 / np.arange(1, n_items + 1) ** 0.8
    sizes = 1 + random.poisson(length - 1, n)
    sampled = [
        random.choice(n_items, min(size, n_items), replace=False, p=popularity / popularity.sum()) for size in sizes
    ]
    baskets = [[f"p{item:03}" for item in basket] for basket in sampled]
    return baskets + baskets[: n // 10] * copies


def mining(min_support: float, engine: Engine = "auto", max_length: int = 0, **changed: Any) -> MiningSettings:
    """Settings that mine itemsets of any length, unless a length is given."""
    given = {"min_support": min_support, "engine": engine, "max_length": max_length, **changed}
    return settings_of(MiningSettings, None, given)
