"""Which analytics of the product graph are made, how, and by which engine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec

from cartograph.core.errors import UserError

ANALYTICS = ("components", "communities", "pagerank", "triangles", "cores", "hubs")
Say = Callable[[str], None]


@dataclass(frozen=True)
class Analyses:
    """The settings of all analytics.

    Args:
        run: of ANALYTICS; the columns of the others are null. `hubs` needs `pagerank`.
        engine: igraph holds the whole graph in one task; graphframes passes messages between tasks, in many Spark jobs
            a round; auto takes igraph where it is installed and the graph has `max_edges` at most.
        max_edges: each counted once; memory of the one task grows with them.
        iterations: of PageRank by graphframes; igraph solves it.
        rounds: of the Leiden algorithm (igraph); or those in which products take the label of their community, between
            two looks at whether any still would (graphframes).
        resolution: of modularity (igraph): the higher, the smaller communities.
        n_hubs: products of the highest PageRank that distances are measured to.
        seed: of the Leiden algorithm.
    """

    run: tuple[str, ...] = ANALYTICS
    engine: str = "auto"
    max_edges: int = 2_000_000
    iterations: int = 10
    rounds: int = 5
    resolution: float = 1.0
    n_hubs: int = 10
    seed: int = 7


def choose_engine(asked: Analyses, n_edges: int) -> tuple[str, str]:
    """The engine to use, igraph or graphframes, and the reason for it.

    Raises:
        UserError: igraph is asked for and not installed.
    """
    is_installed = find_spec("igraph") is not None
    if asked.engine == "igraph" and not is_installed:
        raise UserError(
            "graph.analytics.engine is igraph, which is not installed: install the package's extra `graph`, or set "
            "graph.analytics.engine=graphframes"
        )
    if asked.engine != "auto":
        return asked.engine, "asked for"
    if not is_installed:
        return "graphframes", "igraph, which takes seconds where the graph fits one task, is not installed"
    if n_edges > asked.max_edges:
        return "graphframes", f"{n_edges:,} edges are more than graph.analytics.max_edges, {asked.max_edges:,}"
    return "igraph", f"{n_edges:,} edges fit into one task"
