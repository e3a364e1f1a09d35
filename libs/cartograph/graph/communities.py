"""Communities that keep their names from day to day, and all analytics of a day side by side."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date

from graphframes import GraphFrame
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from cartograph.graph import analytics

ANALYTICS = ("components", "communities", "pagerank", "triangles", "cores", "hubs")


def places(
    graph: GraphFrame,
    asked: Collection[str],
    earlier: DataFrame | None,
    as_of: date,
    *,
    iterations: int,
    rounds: int,
    n_hubs: int,
) -> DataFrame:
    """One row per product of the graph, in the columns of silver.communities but as_of.

    Args:
        asked: which of ANALYTICS; the columns of the others are null. `hubs` needs `pagerank`.
        earlier: product_id and community_id of an earlier day; None when there is none.
        as_of: the day, which new communities are named after.
        iterations: of PageRank.
        rounds: of label propagation.
        n_hubs: products of the highest PageRank that distances are measured to.
    """
    found: DataFrame = graph.vertices.select(F.col("id").alias("product_id"))
    if "components" in asked:
        found = found.join(analytics.components(graph), "product_id", "left")
    if "communities" in asked:
        found = found.join(named(analytics.communities(graph, rounds), earlier, as_of), "product_id", "left")
    if "pagerank" in asked:
        ranks = analytics.pagerank(graph, iterations).localCheckpoint()
        found = found.join(ranks, "product_id", "left")
        if "hubs" in asked:
            best = ranks.orderBy(F.desc("pagerank"), "product_id").limit(n_hubs).collect()
            hubs = analytics.nearest_hubs(graph, [row["product_id"] for row in best])
            found = found.join(hubs, "product_id", "left")
    if "triangles" in asked:
        found = found.join(analytics.triangles(graph), "product_id", "left")
    if "cores" in asked:
        found = found.join(analytics.cores(graph), "product_id", "left")
    columns = [
        F.col(name) if name in found.columns else F.lit(None).cast(kind).alias(name) for name, kind in _COLUMNS.items()
    ]
    return found.select("product_id", *columns)


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
