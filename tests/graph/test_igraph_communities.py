"""Communities of a graph in memory against networkx; the rest of the analytics is compared in `test_analytics`."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pyarrow as pa
import pytest

from cartograph.core.errors import UserError
from cartograph.graph.analytics import engines
from cartograph.graph.analytics.by_igraph import communities, network_of
from cartograph.graph.analytics.engines import choose_engine
from cartograph.graph.settings import AnalyticsSettings

Pairs = list[tuple[str, str, float]]
GRAPHS = {
    "karate club": nx.karate_club_graph,
    "characters of a novel": nx.les_miserables_graph,
    "families": nx.florentine_families_graph,
    "women and events": nx.davis_southern_women_graph,
    "ring of cliques": lambda: nx.ring_of_cliques(8, 5),
    "groups that mix": lambda: nx.planted_partition_graph(6, 20, 0.4, 0.03, seed=4),
}


def groups_of(pairs: Pairs, seed: int = 7) -> set[frozenset[str]]:
    """The communities of a graph."""
    network = network_of(pa.table([list(column) for column in zip(*pairs, strict=True)], ["src", "dst", "weight"]))
    names, groups = network.ids.to_pylist(), {}
    for name, label in zip(names, communities(network, AnalyticsSettings(seed=seed), print).tolist(), strict=True):
        groups.setdefault(label, set()).add(name)
    assert all(names[label] == min(group) for label, group in groups.items())
    return {frozenset(group) for group in groups.values()}


def weighted(graph: nx.Graph) -> Pairs:
    return [
        (str(one), str(other), float(attributes.get("weight", 1.0)))
        for one, other, attributes in graph.edges(data=True)
    ]


@pytest.mark.parametrize("name", GRAPHS)
def test_modularity_is_as_high_as_that_of_networkx(name: str) -> None:
    pairs = weighted(GRAPHS[name]())
    oracle = nx.Graph()
    oracle.add_weighted_edges_from(pairs)
    best = max(
        nx.community.modularity(oracle, nx.community.louvain_communities(oracle, seed=seed)) for seed in range(10)
    )
    assert nx.community.modularity(oracle, groups_of(pairs)) >= best - 1e-9


def test_forty_pairs_and_twenty_stars_are_sixty_communities() -> None:
    pairs = [(f"p{n}a", f"p{n}b", 0.5) for n in range(40)]
    stars = [(f"s{n}", f"s{n}-{leaf}", 0.1 * (leaf + 1)) for n in range(20) for leaf in range(6)]
    assert len(groups_of(pairs + stars)) == 60


def test_what_happens_elsewhere_changes_no_community() -> None:
    """Modularity of a large graph as a whole would join the cliques of a small part of it."""
    cliques = weighted(nx.ring_of_cliques(6, 4))
    elsewhere = [(f"x{one}", f"x{other}", 1.0) for one, other, _ in weighted(nx.gnm_random_graph(300, 4000, seed=1))]
    assert groups_of(cliques) < groups_of(cliques + elsewhere)


def test_neither_the_order_of_rows_nor_their_direction_matters() -> None:
    pairs = weighted(nx.les_miserables_graph())
    shuffled = [pairs[at] for at in np.random.default_rng(3).permutation(len(pairs))]
    both_ways = [(other, one, weight) for one, other, weight in shuffled] + pairs
    assert groups_of(pairs) == groups_of(both_ways)


def test_auto_takes_igraph_for_what_fits_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    assert choose_engine(AnalyticsSettings(), 2_000_000) == ("igraph", "2,000,000 edges fit into one task")
    engine, reason = choose_engine(AnalyticsSettings(max_edges=10), 11)
    assert (engine, reason) == ("graphframes", "11 edges are more than graph.analytics.max_edges, 10")
    assert choose_engine(AnalyticsSettings(engine="graphframes"), 1)[0] == "graphframes"
    monkeypatch.setattr(engines, "find_spec", lambda name: None)
    assert choose_engine(AnalyticsSettings(), 1)[0] == "graphframes"
    with pytest.raises(UserError, match=r"graph\.analytics\.engine is igraph, which is not installed: .*extra `graph`"):
        choose_engine(AnalyticsSettings(engine="igraph"), 1)
