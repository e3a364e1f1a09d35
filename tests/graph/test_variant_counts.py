"""Counts are summed over variants, and an order with several of them counts once."""

from __future__ import annotations

import pytest
from pyspark.sql import SparkSession
from scipy.stats import hypergeom

from cartograph.graph.relations.variant_counts import with_variant_counts

ORDERS = [
    ["red", "blue", "green", "hat"],  # three shirts, one hat: one order with a shirt and a hat
    ["red", "hat"],
    ["blue"],
    ["hat", "sock"],
    *[["sock"]] * 6,
]


def test_an_order_with_several_variants_counts_once(spark: SparkSession) -> None:
    baskets = spark.createDataFrame(
        [(f"o{n}", products) for n, products in enumerate(ORDERS)], "order_id string, product_ids array<string>"
    )
    family = spark.createDataFrame(
        [("red", "shirt"), ("blue", "shirt"), ("green", "shirt"), ("hat", "hat"), ("sock", "sock")],
        "product_id string, family_id string",
    )
    rows = [("red", "hat", 2, 2, 0), ("blue", "hat", 1, 0, 1), ("green", "hat", 1, 1, 0), ("hat", "red", 2, 0, 2)]
    pairs = spark.createDataFrame(
        [(*row, "hat" if row[0] == "hat" else "shirt") for row in rows],
        "src string, dst string, n_orders long, n_followed long, n_preceded long, src_family string",
    )
    found = {(row.src, row.dst): row for row in with_variant_counts(pairs, family, baskets, 100).collect()}
    shirt = found["green", "hat"]
    assert (shirt.family_orders, shirt.family_followed, shirt.family_preceded) == (2, 3, 1)
    # Three orders with a shirt, three with a hat, ten in all.
    assert shirt.family_p_value == pytest.approx(hypergeom.sf(1, 10, 3, 3))
    assert found["hat", "red"].family_p_value == pytest.approx(hypergeom.sf(1, 10, 3, 2))
    assert len({row.family_p_value for key, row in found.items() if key[1] == "hat"}) == 1
