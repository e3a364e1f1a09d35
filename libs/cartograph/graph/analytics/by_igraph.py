"""Analytics of a product graph that fits into the memory of one task, by igraph: no messages are passed.

Products and edges are processed in order of their ids, so results do not depend on the order of the rows.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import igraph as ig
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyspark.sql import DataFrame

from cartograph.core.workers.reports import Reporter, reports
from cartograph.graph.analytics.engines import Say
from cartograph.graph.settings import AnalyticsSettings

Longs = NDArray[np.int64]
Doubles = NDArray[np.float64]
FOUND = (
    "product_id string, component_id string, label string, pagerank double, core int, n_triangles long, "
    "hub_id string, hub_distance int"
)
_NO_GAIN = 1e-9
_MAX_TRIES, _MAX_EDGES_TRIED = 10, 200_000  # The algorithm is randomised: small components get several tries.


@dataclass(frozen=True)
class Network:
    """An undirected graph: vertex v is product `ids[v]`; ids ascend."""

    ids: pa.Array
    graph: Any  # ig.Graph, whose edges have an attribute `weight`

    def named(self, vertices: Longs) -> pa.Array:
        """The products at these vertices; null where -1."""
        return self.ids.take(pa.array(vertices, mask=vertices < 0))


def analysed(edges: DataFrame, settings: AnalyticsSettings, say: Say) -> DataFrame:
    """One row per product with an edge, in the columns FOUND; null if not computed. Computed eagerly, in one task.

    Args:
        edges: src, dst, weight; each edge once, or in both directions with the same weight.
        say: reports progress.
    """
    with reports(edges.sparkSession, lambda message: say(message["text"])) as reporter:
        rows = edges.select("src", "dst", "weight").repartition(1)
        return rows.mapInArrow(partial(_analysed, settings=settings, reporter=reporter), FOUND).localCheckpoint()


def _analysed(
    batches: Iterable[pa.RecordBatch], settings: AnalyticsSettings, reporter: Reporter | None
) -> Iterator[pa.RecordBatch]:
    """The rows of the graph whose edges are in all batches together."""
    received = [batch for batch in batches if batch.num_rows]
    if not received:
        return
    network = network_of(pa.Table.from_batches(received))

    def say(text: str) -> None:
        if reporter:
            reporter.send({"text": text})

    yield from analytics(network, settings, say).to_batches(max_chunksize=10_000)


def network_of(edges: pa.Table) -> Network:
    """The graph of rows src, dst, weight; of several rows of a pair, in either direction, the heaviest counts."""
    ends = [edges[name].combine_chunks() for name in ("src", "dst")]
    ids = pc.unique(pa.chunked_array(ends).combine_chunks())
    ids = ids.take(pc.sort_indices(ids))
    src, dst = (pc.index_in(end, value_set=ids).to_numpy(zero_copy_only=False).astype(np.int64) for end in ends)
    low, high = np.minimum(src, dst), np.maximum(src, dst)
    pair, place = np.unique(low * len(ids) + high, return_inverse=True)
    weight = np.full(len(pair), -np.inf)
    np.maximum.at(weight, place, edges["weight"].to_numpy())
    graph = ig.Graph(n=len(ids))
    graph.add_edges(np.column_stack([pair // len(ids), pair % len(ids)]))
    graph.es["weight"] = weight.tolist()
    return Network(ids, graph)


def analytics(network: Network, settings: AnalyticsSettings, say: Say) -> pa.Table:
    """One row per product, in the columns FOUND."""
    n = network.graph.vcount()
    say(
        f"one task holds {n:,} products and {network.graph.ecount():,} edges: igraph computes {', '.join(settings.run)}"
    )
    columns: dict[str, Any] = {}

    def add(name: str, function: Callable[[], dict[str, Any]]) -> None:
        if name in settings.run:
            started = time.monotonic()
            columns.update(function())
            say(f"{name}: {time.monotonic() - started:.1f} s")

    add("components", lambda: {"component_id": network.named(component_numbers(network))})
    add("communities", lambda: {"label": network.named(communities(network, settings, say))})
    add("pagerank", lambda: {"pagerank": pagerank(network)})
    add("triangles", lambda: {"n_triangles": triangles(network)})
    add("cores", lambda: {"core": np.array(network.graph.coreness(), np.int32)})
    add("hubs", lambda: _hubs(network, columns["pagerank"], settings.n_hubs))
    kinds = dict(column.split() for column in FOUND.split(", "))
    arrow = {"string": pa.string(), "double": pa.float64(), "int": pa.int32(), "long": pa.int64()}
    found = {
        name: pa.array(columns[name], arrow[kind]) if name in columns else pa.nulls(n, arrow[kind])
        for name, kind in kinds.items()
        if name != "product_id"
    }
    return pa.table({"product_id": network.ids, **found})


def component_numbers(network: Network) -> Longs:
    """Per product the first one of its connected component."""
    return _first_members(np.array(network.graph.connected_components().membership))


def communities(network: Network, settings: AnalyticsSettings, say: Say) -> Longs:
    """Per product the first one of its community.

    Communities have the highest weighted modularity that the Leiden algorithm finds (Traag, Waltman and van Eck 2019),
    in each connected component separately: the rest of the graph neither merges nor splits them. A component stays
    whole unless a split increases modularity: pairs, stars and complete bipartite graphs do.
    """
    label = component_numbers(network)
    members = np.argsort(label, kind="stable")
    bounds = np.flatnonzero(np.diff(label[members], prepend=-1, append=len(label)))
    sizes = np.diff(bounds)
    large = np.flatnonzero(sizes > 3)  # No smaller component can be split with a gain.
    reported = time.monotonic()
    for number, place in enumerate(large):
        own = members[bounds[place] : bounds[place + 1]]
        part = network.graph if len(own) == len(label) else network.graph.induced_subgraph(own.tolist())
        label[own] = own[_first_members(_split(part, settings, say))]
        if time.monotonic() - reported > 10 or number + 1 == len(large):
            reported = time.monotonic()
            say(f"communities: {number + 1:,} of {len(large):,} components with more than three products")
    return label


def _split(component: Any, settings: AnalyticsSettings, say: Say) -> Longs:
    """The community number of each vertex of a connected graph: the best of some tries, or one community for all."""
    ig.set_random_number_generator(random.Random(settings.seed))
    best = [0] * component.vcount()
    modularity = component.modularity(best, weights="weight", resolution=settings.resolution)
    for _ in range(int(np.clip(_MAX_EDGES_TRIED // component.ecount(), 1, _MAX_TRIES))):
        found, gained = _leiden(component, settings, say)
        if gained > modularity + _NO_GAIN:
            best, modularity = found, gained
    return np.array(best)


def _leiden(component: Any, settings: AnalyticsSettings, say: Say) -> tuple[list[int], float]:
    """A split and its modularity, after `settings.rounds` iterations or the first one without a gain."""
    how = {"weights": "weight", "resolution": settings.resolution}
    found, modularity = list(range(component.vcount())), -np.inf
    for number in range(settings.rounds):
        found = component.community_leiden(
            objective_function="modularity", n_iterations=1, initial_membership=found, **how
        ).membership
        before, modularity = modularity, component.modularity(found, **how)
        if component.ecount() > _MAX_EDGES_TRIED:
            say(f"communities: {number + 1} of {settings.rounds} rounds, modularity {modularity:.4f}")
        if modularity <= before + _NO_GAIN:
            break
    return found, modularity


def pagerank(network: Network, restart: float = 0.15) -> Doubles:
    """Per product its share of the steps of a random walk over unweighted edges (Page et al. 1999)."""
    ranks = np.array(network.graph.pagerank(damping=1 - restart))
    rounded: Doubles = np.round(ranks / ranks.sum(), 14)  # Equivalent products differ in their last bits.
    return rounded


def triangles(network: Network) -> Longs:
    """Per product the number of triangles that contain it."""
    degree = np.array(network.graph.degree(), np.float64)
    share = np.array(network.graph.transitivity_local_undirected(mode="zero"))
    counts: Longs = np.rint(share * degree * (degree - 1) / 2).astype(np.int64)
    return counts


def _hubs(network: Network, ranks: Doubles, n_hubs: int) -> dict[str, Any]:
    """Per product the nearest of the `n_hubs` products of the highest rank (the first of equals), and its distance."""
    hubs = np.sort(np.lexsort((np.arange(len(ranks)), -ranks))[:n_hubs])
    far = np.iinfo(np.int32).max
    nearest, distance = np.full(len(ranks), -1), np.full(len(ranks), far, np.int32)
    for hub in hubs:
        steps = np.array(network.graph.distances(source=[int(hub)])[0])
        own = np.where(np.isfinite(steps), steps, far).astype(np.int32)
        nearest, distance = np.where(own < distance, hub, nearest), np.minimum(own, distance)
    return {"hub_id": network.named(nearest), "hub_distance": pa.array(distance, mask=nearest < 0)}


def _first_members(group: Longs) -> Longs:
    """Per vertex the first one of its group."""
    _, first, number = np.unique(group, return_index=True, return_inverse=True)
    return first[number]
