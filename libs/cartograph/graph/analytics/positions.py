"""The position of each product in the product graph: all analytics of a day side by side."""

from __future__ import annotations

from datetime import date

from graphframes import GraphFrame
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.graph.analytics import by_graphframes
from cartograph.graph.analytics.community_names import with_stable_ids
from cartograph.graph.analytics.engines import Say, choose_engine
from cartograph.graph.settings import AnalyticsSettings

_COLUMNS = {
    "community_id": "string",
    "component_id": "string",
    "pagerank": "double",
    "core": "int",
    "n_triangles": "long",
    "hub_id": "string",
    "hub_distance": "int",
}


def positions(
    graph: GraphFrame, settings: AnalyticsSettings, earlier: DataFrame | None, as_of: date, say: Say
) -> DataFrame:
    """One row per product of the graph, with the columns of silver.communities except as_of; null if not computed.

    Args:
        graph: of `by_graphframes.graph_of`.
        earlier: product_id and community_id of an earlier day; None if there is none.
        as_of: the day, which the ids of new communities contain.
        say: reports progress.
    """
    engine, reason = choose_engine(settings, graph.edges.count() // 2)
    say(f"graph analytics by {engine}: {reason}")
    if engine == "igraph":
        from cartograph.graph.analytics.by_igraph import analysed

        found = analysed(graph.edges, settings, say)
    else:
        found = _by_graphframes(graph, settings, say)
    if "communities" in settings.run:
        ids = with_stable_ids(found.select("product_id", "label"), earlier, as_of)
        found = found.join(ids, "product_id", "left")
    columns = [
        F.col(name) if name in found.columns else F.lit(None).cast(kind).alias(name) for name, kind in _COLUMNS.items()
    ]
    return found.select("product_id", *columns)


def _by_graphframes(graph: GraphFrame, settings: AnalyticsSettings, say: Say) -> DataFrame:
    """One row per product: product_id and the columns of the analytics that are set."""
    found: DataFrame = graph.vertices.select(F.col("id").alias("product_id"))
    has_ranks = "pagerank" in settings.run
    ranks = by_graphframes.pagerank(graph, settings.iterations).localCheckpoint() if has_ranks else None
    for number, name in enumerate(settings.run, 1):
        say(f"{name}, {number} of {len(settings.run)}")
        if name == "components":
            computed = by_graphframes.components(graph)
        elif name == "communities":
            computed = by_graphframes.communities(graph, settings.rounds, say)
        elif name == "triangles":
            computed = by_graphframes.triangles(graph)
        elif name == "cores":
            computed = by_graphframes.cores(graph, say=say)
        else:
            assert ranks is not None
            computed = ranks if name == "pagerank" else _distances(graph, ranks, settings.n_hubs)
        found = found.join(computed.localCheckpoint(), "product_id", "left")
    return found


def _distances(graph: GraphFrame, ranks: DataFrame, n_hubs: int) -> DataFrame:
    """One row per product from which a product of the highest ranks can be reached."""
    best = ranks.orderBy(F.desc("pagerank"), "product_id").limit(n_hubs).collect()
    return by_graphframes.nearest_hubs(graph, [row["product_id"] for row in best])
