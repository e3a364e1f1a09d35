"""Bundles are the cliques of the product graph that orders hold, counted as a walk over all orders counts them."""

from __future__ import annotations

from itertools import combinations
from math import prod

import pytest
from pyspark.sql import DataFrame, SparkSession

from cartograph.graph.analytics.bundles import bundles
from cartograph.graph.analytics.by_graphframes import graph_of
from cartograph.graph.settings import BundleSettings

# Tea, pot, cup and tray go together; soap, towel and brush do, now and then with a lamp; ink joins two of no triangle.
ORDERS = [
    *[["tea", "pot", "cup", "tray"]] * 6, *[["tea", "pot", "cup"]] * 3, ["tea", "pot", "tray"],
    *[["soap", "towel", "brush"]] * 7, *[["soap", "towel", "brush", "lamp"]] * 5, *[["soap", "towel"]] * 4,
    *[["ink", "tea"]] * 5, *[["ink", "soap"]] * 5, ["lamp"],
]  # fmt: skip


@pytest.fixture(scope="module")
def baskets(spark: SparkSession) -> DataFrame:
    rows = [(str(place), products) for place, products in enumerate(ORDERS)]
    return spark.createDataFrame(rows, "order_id string, product_ids array<string>").persist()


def edges_of(spark: SparkSession, orders: list[list[str]]) -> DataFrame:
    """Every pair that an order holds, as heavy as it is frequent."""
    pairs = [pair for order in orders for pair in combinations(sorted(order), 2)]
    rows = [(*pair, 0.001, float(pairs.count(pair))) for pair in set(pairs)]
    return spark.createDataFrame(rows, "src string, dst string, chance double, weight double")


def test_bundles_are_cliques_with_their_orders(spark: SparkSession, baskets: DataFrame) -> None:
    found = {
        tuple(row.product_ids): row
        for row in bundles(graph_of(edges_of(spark, ORDERS)), baskets, BundleSettings(min_orders=5)).collect()
    }
    # Three of the tea things are bought with the fourth as a rule; soap, towel and brush are not bought with a lamp.
    four, three = ("brush", "lamp", "soap", "towel"), ("brush", "soap", "towel")
    assert set(found) == {("cup", "pot", "tea", "tray"), four, three}
    for names, row in found.items():
        held = [len(set(names) & set(order)) for order in ORDERS]
        assert (row.n_products, row.n_orders) == (len(names), held.count(len(names)))
        assert row.n_outside == held.count(len(names) - 1)
        shares = [sum(name in order for order in ORDERS) / len(ORDERS) for name in names]
        assert row.lift == pytest.approx(row.n_orders / len(ORDERS) / prod(shares))


def test_a_bundle_needs_orders_and_heavy_edges(spark: SparkSession, baskets: DataFrame) -> None:
    graph = graph_of(edges_of(spark, ORDERS))
    found = {
        tuple(row.product_ids): row.n_orders for row in bundles(graph, baskets, BundleSettings(min_orders=7)).collect()
    }
    assert found == {("cup", "pot", "tea"): 9, ("pot", "tea", "tray"): 7, ("brush", "soap", "towel"): 12}
    assert bundles(graph, baskets, BundleSettings(n_strongest=1)).count() == 0
    completed = bundles(
        graph, baskets, BundleSettings(min_completed=0.8)
    ).collect()  # towels and soap: 12 of 16; all four for tea: 6 of 10
    assert {tuple(row.product_ids) for row in completed} == {("cup", "pot", "tea")}
    # Tray and lamp are not among the two heaviest neighbours of what they are bought with.
    assert {tuple(row.product_ids) for row in bundles(graph, baskets, BundleSettings(n_strongest=2)).collect()} == {
        ("brush", "soap", "towel"), ("cup", "pot", "tea"),
    }  # fmt: skip
