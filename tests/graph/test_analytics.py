"""Analytics against networkx, on one small graph."""

from __future__ import annotations

from datetime import date
from itertools import combinations
from pathlib import Path

import networkx as nx
import pytest
from graphframes import GraphFrame
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F

from cartograph.core.tables.schema import columns_of
from cartograph.graph.analytics import by_graphframes
from cartograph.graph.analytics.community_names import latest_communities, with_stable_ids
from cartograph.graph.analytics.positions import positions
from cartograph.graph.settings import AnalyticsSettings

DAY = date(2011, 6, 1)
# Two groups of five that all know each other, with a bridge, a tail, and a triangle apart; and pairs, stars, and three
# products that are each bought with three others.
ALONE = [
    *[{f"pair{n}a", f"pair{n}b"} for n in range(12)],
    *[{f"star{n}", *(f"star{n}-{leaf}" for leaf in range(n + 2))} for n in range(4)],
    {f"{side}{n}" for side in ("left", "right") for n in range(3)},
]
PAIRS = [
    *combinations("abcde", 2),
    *combinations("pqrst", 2),
    *[("e", "p"), ("t", "u"), ("u", "v"), ("x", "y"), ("y", "z"), ("x", "z")],
    *[(f"pair{n}a", f"pair{n}b") for n in range(12)],
    *[(f"star{n}", f"star{n}-{leaf}") for n in range(4) for leaf in range(n + 2)],
    *[(f"left{n}", f"right{other}") for n in range(3) for other in range(3)],
]


@pytest.fixture(scope="module")
def edges(spark: SparkSession) -> DataFrame:
    rows = [(src, dst, 1.0, 0.01) for src, dst in PAIRS] + [("a", "z", 1.0, 0.9)]  # the last one is not significant
    return spark.createDataFrame(rows, "src string, dst string, weight double, chance double")


@pytest.fixture(scope="module")
def graph(edges: DataFrame) -> GraphFrame:
    return by_graphframes.graph_of(edges)


@pytest.fixture(scope="module")
def oracle() -> nx.Graph:
    return nx.Graph(PAIRS)


@pytest.fixture(scope="module", params=["igraph", "graphframes"])
def found(request: pytest.FixtureRequest, graph: GraphFrame) -> dict[str, Row]:
    reported: list[str] = []
    settings = AnalyticsSettings(engine=request.param, iterations=25, rounds=3, n_hubs=2)
    rows = positions(graph, settings, None, DAY, reported.append)
    assert rows.columns == [name for name in columns_of("silver.communities") if name != "as_of"]
    assert all(any(line.startswith(name) for line in reported) for name in settings.run)
    return {row.product_id: row for row in rows.collect()}


def test_pagerank_is_that_of_networkx(found: dict[str, Row], oracle: nx.Graph) -> None:
    expected = nx.pagerank(oracle, alpha=0.85, tol=1e-10, max_iter=1000)
    assert {name: row.pagerank for name, row in found.items()} == pytest.approx(expected, abs=1e-3)


def test_components_are_those_of_networkx(found: dict[str, Row], oracle: nx.Graph) -> None:
    expected = {name: min(part) for part in nx.connected_components(oracle) for name in part}
    assert {name: row.component_id for name, row in found.items()} == expected


def test_triangles_and_cores_are_those_of_networkx(found: dict[str, Row], oracle: nx.Graph) -> None:
    assert {name: row.n_triangles for name, row in found.items()} == nx.triangles(oracle)
    assert {name: row.core for name, row in found.items()} == nx.core_number(oracle)


def test_of_a_real_shop_they_are_those_of_networkx_too(spark: SparkSession, shared_data: Path) -> None:
    """A grocer's products, joined where forty baskets and more hold both."""
    orders = spark.read.text(str(shared_data / "groceries" / "groceries.csv")).withColumn(
        "order", F.monotonically_increasing_id()
    )
    lines = orders.select("order", F.explode(F.split("value", ",")).alias("product"))
    others = lines.withColumnRenamed("product", "other")
    pairs = lines.join(others, "order").where("product < other").groupBy("product", "other").count()
    rows = [(row.product, row.other) for row in pairs.where("count >= 40").collect()]
    oracle = nx.Graph(rows)
    assert len(oracle) > 60
    edges = [(*pair, 1.0, 0.01) for pair in rows]
    graph = by_graphframes.graph_of(
        spark.createDataFrame(edges, "src string, dst string, weight double, chance double")
    )
    ranks = {row.product_id: row.pagerank for row in by_graphframes.pagerank(graph, iterations=25).collect()}
    assert ranks == pytest.approx(nx.pagerank(oracle, alpha=0.85, tol=1e-10), abs=1e-3)
    triangles = {row.product_id: row.n_triangles for row in by_graphframes.triangles(graph).collect()}
    assert triangles == nx.triangles(oracle)
    parts = {row.product_id: row.component_id for row in by_graphframes.components(graph).collect()}
    assert parts == {name: min(part) for part in nx.connected_components(oracle) for name in part}


def test_communities_are_the_groups_that_know_each_other(found: dict[str, Row]) -> None:
    groups: dict[str, set[str]] = {}
    for name, row in found.items():
        groups.setdefault(row.community_id, set()).add(name)
    assert {frozenset("abcde"), frozenset("xyz")} <= {frozenset(group) for group in groups.values()}
    assert set("pqrst") <= groups[found["p"].community_id]
    assert found["a"].community_id == "a@2011-06-01"


def test_pairs_stars_and_groups_of_two_sides_are_whole_communities(found: dict[str, Row]) -> None:
    for group in ALONE:
        assert {found[name].community_id for name in group} == {f"{min(group)}@2011-06-01"}
    assert len({found[name].community_id for group in ALONE for name in group}) == len(ALONE)


def test_hubs_are_the_most_central_products_and_distances_are_those_of_networkx(
    found: dict[str, Row], oracle: nx.Graph
) -> None:
    hubs = sorted(found, key=lambda name: (-found[name].pagerank, name))[:2]
    for name, row in found.items():
        steps = {hub: nx.shortest_path_length(oracle, name, hub) for hub in hubs if nx.has_path(oracle, name, hub)}
        assert row.hub_distance == (min(steps.values()) if steps else None)
        assert row.hub_id is None or steps[row.hub_id] == row.hub_distance


def test_personalised_pagerank_is_that_of_networkx(graph: GraphFrame, oracle: nx.Graph) -> None:
    rows = by_graphframes.personalised_pagerank(graph, ["a", "x"], iterations=20, restart=0.5).collect()
    for source in ("a", "x"):
        expected = nx.pagerank(oracle, alpha=0.5, personalization={source: 1.0}, tol=1e-10)
        scores = {row.dst: row.score for row in rows if row.src == source}
        assert scores == pytest.approx({name: score for name, score in expected.items() if score > 1e-6}, abs=1e-3)


def test_ids_are_inherited_from_the_last_earlier_day_with_communities(spark: SparkSession) -> None:
    rows = [("a", "old", date(2011, 5, 1)), ("a", "new", date(2011, 5, 2)), ("a", None, date(2011, 5, 3))]
    rows.append(("a", "today", DAY))
    communities = spark.createDataFrame(rows, "product_id string, community_id string, as_of date")
    for day, expected in ((DAY, "new"), (date(2011, 5, 2), "old")):
        found = latest_communities(communities, day)
        assert found is not None
        assert [row.community_id for row in found.collect()] == [expected]
    assert latest_communities(communities, date(2011, 5, 1)) is None


def test_communities_keep_their_names_from_day_to_day(spark: SparkSession) -> None:
    labels = spark.createDataFrame(
        [(name, "b") for name in "abc"] + [(name, "q") for name in "pq"] + [("n", "n"), ("d", "d")],
        "product_id string, label string",
    )
    earlier = spark.createDataFrame(
        [(name, "old") for name in "abcdp"] + [("q", "older"), ("gone", "lost")],
        "product_id string, community_id string",
    )
    names = {row.product_id: row.community_id for row in with_stable_ids(labels, earlier, DAY).collect()}
    # {a, b, c} is the largest part of `old`; {d}, split off, is new; {p, q} is made of two, and new.
    assert {names[name] for name in "abc"} == {"old"}
    assert names["d"] == "d@2011-06-01"
    assert names["n"] == "n@2011-06-01"
    assert names["p"] == names["q"] == "p@2011-06-01"
