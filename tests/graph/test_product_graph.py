"""The product graph of a shop small enough to count by hand."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from pyspark.sql import Row, SparkSession
from scipy.stats import hypergeom

from cartograph.core.model import Silver
from cartograph.core.tables.schema import columns_of
from cartograph.core.views.product_sets import of_shoppers
from cartograph.graph.building.product_graph import product_graph, pruned
from cartograph.graph.settings import BuildingSettings

SETTINGS = BuildingSettings(max_products=20, newest=20, max_chance=30.0, n_neighbours=50)
START = datetime(2011, 5, 1)
EVENTS = "event_id string, user_id string, product_id string, event_type string, order_id string, session_id string, event_at timestamp"  # noqa: E501


def visit(
    number: int, user: str | None, bought: list[str], viewed: list[str], day: float = 0.0
) -> list[tuple[Any, ...]]:
    """A session: views, then purchases a second apart."""
    kinds = [("view", product, None) for product in viewed] + [
        ("purchase", product, f"o{number}") for product in bought
    ]
    return [
        (f"e{number}-{place}", user, product, kind, order, f"s{number}", START + timedelta(days=day, seconds=place))
        for place, (kind, product, order) in enumerate(kinds)
    ]


def shop(spark: SparkSession) -> Silver:
    """Grills bought with tongs, cups viewed with mugs; a bot views everything, one order holds 2,000 products."""
    visits = [visit(n, f"u{n}", ["grill", "tongs"], ["grill"]) for n in range(4)]
    visits += [visit(n, f"u{n}", ["cup" if n % 2 else "mug"], ["cup", "mug"]) for n in range(4, 10)]
    visits += [visit(10, "u10", ["tongs"], []), visit(11, "u10", ["grill"], [], day=2.0)]
    visits += [visit(12, None, ["grill", "tongs"], []), visit(13, "u13", ["cup"], [])]
    visits += [visit(14, "robot", [], [f"p{n}" for n in range(600)] + ["grill", "mug"])]
    visits += [visit(15, "hoarder", ["grill", *(f"p{n}" for n in range(2_000))], [])]
    events = spark.createDataFrame([event for each in visits for event in each], EVENTS)
    orders: dict[str, Any] = {}
    for each in visits:
        for _, user, product, kind, order, _, _ in each:
            if kind == "purchase":
                orders.setdefault(order, (order, user, []))[2].append(product)
    baskets = spark.createDataFrame(list(orders.values()), "order_id string, user_id string, product_ids array<string>")
    users = spark.createDataFrame([("robot", True, False)], "user_id string, is_bot boolean, is_wholesale boolean")
    return Silver(events, baskets, events.select("product_id").distinct(), users)


@pytest.fixture(scope="module")
def edges(spark: SparkSession) -> dict[tuple[str, str], Row]:
    graph = product_graph(of_shoppers(shop(spark)), SETTINGS)
    assert set(graph.columns) == set(columns_of("silver.product_graph")) - {"as_of"}
    return {(row.src, row.dst): row for row in graph.collect()}


def test_an_edge_counts_orders_sessions_and_views(edges: dict[tuple[str, str], Row]) -> None:
    grill, cup = edges["grill", "tongs"], edges["cup", "mug"]
    assert (grill.n_orders, grill.n_sessions, grill.n_views) == (5, 5, 0)
    assert (cup.n_orders, cup.n_sessions, cup.n_views) == (0, 6, 6)


def test_an_edge_is_compared_with_what_is_expected_at_random(edges: dict[tuple[str, str], Row]) -> None:
    grill, cup = edges["grill", "tongs"], edges["cup", "mug"]
    n_grill = 6 + int(
        ("grill", "p") in {(src, dst[:1]) for src, dst in edges}
    )  # The sample of the large order keeps it, or not.
    assert grill.p_value == pytest.approx(hypergeom.sf(4, 15, n_grill, 6))
    assert grill.lift == pytest.approx(5 * 15 / (n_grill * 6))
    assert (cup.lift, cup.npmi, cup.p_value) == (0.0, -1.0, 1.0)
    assert cup.view_lift == pytest.approx(6 * 10 / (6 * 6))  # Ten sessions have views of shoppers.
    assert cup.view_p_value == pytest.approx(hypergeom.sf(5, 10, 6, 6))
    assert cup.weight == pytest.approx(cup.view_npmi)


def test_chance_is_corrected_for_testing_orders_and_views(edges: dict[tuple[str, str], Row]) -> None:
    either = {pair: 1 - (1 - min(row.p_value, row.view_p_value)) ** 2 for pair, row in edges.items()}
    counted = [row.chance / either[pair] for pair, row in edges.items()]  # the products that each is tested with
    assert counted == pytest.approx([round(counted[0])] * len(counted))


def test_an_edge_has_the_order_of_purchase_and_the_days_between(edges: dict[tuple[str, str], Row]) -> None:
    there, back = edges["grill", "tongs"], edges["tongs", "grill"]
    # Four customers and a guest take grill and tongs in one order, one buys the grill two days after the tongs.
    assert (there.n_followed, there.n_preceded, back.n_followed, back.n_preceded) == (5, 1, 1, 5)
    assert there.forward_share == pytest.approx(5 / 6)
    assert back.gap_days == pytest.approx(2.0)
    assert there.gap_days == pytest.approx(1 / 86_400)
    assert edges["cup", "mug"].forward_share is None


def test_bots_are_left_out_and_a_large_order_makes_few_edges(edges: dict[tuple[str, str], Row]) -> None:
    assert ("grill", "mug") not in edges
    of_large_order = {src for src, _ in edges if src.startswith("p")}
    assert 10 <= len(of_large_order) <= 20


def test_swing_is_counted_over_customers(edges: dict[tuple[str, str], Row]) -> None:
    # Six customers have cup and mug and nothing else: fifteen pairs, each 1/sqrt(2) squared over 1 + 2.
    assert edges["cup", "mug"].swing == pytest.approx(15 * 0.5 / 3)


def test_a_product_keeps_its_heaviest_edges(spark: SparkSession, edges: dict[tuple[str, str], Row]) -> None:
    few = pruned(
        spark.createDataFrame(list(edges.values())), BuildingSettings(max_chance=30.0, n_neighbours=1)
    ).collect()
    heaviest = {row.src: row.weight for row in few}
    assert len(heaviest) == len(few) == len({src for src, _ in edges})
    assert all(row.weight <= heaviest[src] for (src, _), row in edges.items())
