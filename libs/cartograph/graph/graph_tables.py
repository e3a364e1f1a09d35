"""The tables of the product graph of one day, one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from pyspark.sql import DataFrame

from cartograph.core.model import Silver
from cartograph.graph.analytics.bundles import bundles
from cartograph.graph.analytics.by_graphframes import graph_of
from cartograph.graph.analytics.community_names import latest_communities
from cartograph.graph.analytics.engines import Say
from cartograph.graph.analytics.positions import positions
from cartograph.graph.relations.rules import relations
from cartograph.graph.settings import GraphSettings


def tables_of_graph(
    edges: DataFrame, data: Silver, settings: GraphSettings, communities: DataFrame | None, as_of: date, say: Say
) -> Iterator[tuple[str, DataFrame]]:
    """The name and rows of each table derived from the edges: gold.relations, gold.bundles, silver.communities.

    Args:
        edges: rows of silver.product_graph.
        data: the silver tables that the graph was built from, of shoppers only.
        communities: rows of silver.communities of other days, whose ids are inherited; None if there are none.
        say: reports progress.
    """
    yield "gold.relations", relations(edges, data, settings.relations, settings.building.max_products)
    analytics = settings.analytics
    if not settings.bundles.enabled and not analytics.run:
        return
    graph = graph_of(edges, analytics.max_chance)
    if settings.bundles.enabled:
        yield "gold.bundles", bundles(graph, data.baskets, settings.bundles)
    if analytics.run:
        earlier = latest_communities(communities, as_of) if "communities" in analytics.run else None
        yield "silver.communities", positions(graph, analytics, earlier, as_of, say)
