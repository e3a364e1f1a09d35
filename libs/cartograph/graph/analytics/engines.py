"""Which engine computes the analytics of the product graph: igraph in one task, or GraphFrames."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec

from cartograph.core.errors import UserError
from cartograph.graph.settings import AnalyticsSettings

Say = Callable[[str], None]


def choose_engine(settings: AnalyticsSettings, n_edges: int) -> tuple[str, str]:
    """The engine to use, igraph or graphframes, and the reason for it.

    Raises:
        UserError: igraph is set and not installed.
    """
    is_installed = find_spec("igraph") is not None
    if settings.engine == "igraph" and not is_installed:
        raise UserError(
            "graph.analytics.engine is igraph, which is not installed: install the package's extra `graph`, or set "
            "graph.analytics.engine=graphframes"
        )
    if settings.engine != "auto":
        return settings.engine, "set in graph.analytics.engine"
    if not is_installed:
        return "graphframes", "igraph, which takes seconds if the graph fits into one task, is not installed"
    if n_edges > settings.max_edges:
        return "graphframes", f"{n_edges:,} edges are more than graph.analytics.max_edges, {settings.max_edges:,}"
    return "igraph", f"{n_edges:,} edges fit into one task"
