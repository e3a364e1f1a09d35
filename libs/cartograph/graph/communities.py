"""All analytics of a day side by side, and communities that keep their names from day to day."""

from __future__ import annotations

from datetime import date

from graphframes import GraphFrame
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from cartograph.graph import analytics
from cartograph.graph.analyses import Analyses, Say, choose_engine


def places(graph: GraphFrame, asked: Analyses, earlier: DataFrame | None, as_of: date, say: Say) -> DataFrame:
    """One row per product of the graph, in the columns of silver.communities but as_of.

    Args:
        graph: of `analytics.graph_of`.
        asked: which analytics.
        earlier: product_id and community_id of an earlier day; None when there is none.
        as_of: the day, which new communities are named after.
        say: is told what is done, and how far it is.
    """
    engine, reason = choose_engine(asked, graph.edges.count() // 2)
    say(f"graph analytics by {engine}: {reason}")
    if engine == "igraph":
        from cartograph.graph.local_analytics import analysed

        found = analysed(graph.edges, asked, say)
    else:
        found = _by_messages(graph, asked, say)
    if "communities" in asked.run:
        names = named(found.select("product_id", "label"), earlier, as_of)
        found = found.join(names, "product_id", "left")
    columns = [
        F.col(name) if name in found.columns else F.lit(None).cast(kind).alias(name) for name, kind in _COLUMNS.items()
    ]
    return found.select("product_id", *columns)


def _by_messages(graph: GraphFrame, asked: Analyses, say: Say) -> DataFrame:
    """One row per product: product_id and the columns of what is asked for, by GraphFrames."""
    found: DataFrame = graph.vertices.select(F.col("id").alias("product_id"))
    ranks = analytics.pagerank(graph, asked.iterations).localCheckpoint() if "pagerank" in asked.run else None
    for number, name in enumerate(asked.run, 1):
        say(f"{name}, {number} of {len(asked.run)}")
        if name == "components":
            made = analytics.components(graph)
        elif name == "communities":
            made = analytics.communities(graph, asked.rounds, say)
        elif name == "triangles":
            made = analytics.triangles(graph)
        elif name == "cores":
            made = analytics.cores(graph, say=say)
        else:
            assert ranks is not None
            made = ranks if name == "pagerank" else _distances(graph, ranks, asked.n_hubs)
        found = found.join(made.localCheckpoint(), "product_id", "left")
    return found


def _distances(graph: GraphFrame, ranks: DataFrame, n_hubs: int) -> DataFrame:
    """One row per product from which one of the products of the highest rank can be reached."""
    best = ranks.orderBy(F.desc("pagerank"), "product_id").limit(n_hubs).collect()
    return analytics.nearest_hubs(graph, [row["product_id"] for row in best])


_COLUMNS = {
    "community_id": "string",
    "component_id": "string",
    "pagerank": "double",
    "core": "int",
    "n_triangles": "long",
    "hub_id": "string",
    "hub_distance": "int",
}


def named(labels: DataFrame, earlier: DataFrame | None, as_of: date) -> DataFrame:
    """One row per product: product_id, community_id.

    A community takes the name of the earlier one that it shares most products with, if it is that one's largest part
    too; otherwise it is new and named `<its first product>@<as_of>`, a name nobody has had before.

    Args:
        labels: product_id, label.
        earlier: product_id, community_id of an earlier day; None when there is none.
    """
    born = labels.groupBy("label").agg(F.concat(F.min("product_id"), F.lit(f"@{as_of}")).alias("born_id"))
    if earlier is None:
        return labels.join(born, "label").select("product_id", F.col("born_id").alias("community_id"))
    kept = labels.join(_heirs(labels, earlier).join(born, "label", "right"), "label")
    return kept.select("product_id", F.coalesce("community_id", "born_id").alias("community_id"))


def _heirs(labels: DataFrame, earlier: DataFrame) -> DataFrame:
    """The communities that go on: label, community_id, each at most once."""
    overlaps = labels.join(earlier.select("product_id", "community_id"), "product_id")
    counted = overlaps.where("community_id IS NOT NULL").groupBy("label", "community_id").agg(F.count("*").alias("n"))
    of_label = Window.partitionBy("label").orderBy(F.desc("n"), "community_id")
    of_earlier = Window.partitionBy("community_id").orderBy(F.desc("n"), "label")
    places = {"place": F.row_number().over(of_label), "earlier_place": F.row_number().over(of_earlier)}
    return counted.withColumns(places).where("place = 1 AND earlier_place = 1").select("label", "community_id")
