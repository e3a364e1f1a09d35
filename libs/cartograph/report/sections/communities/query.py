"""The product graph: communities, the most central products with their edges, and bundles."""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from cartograph.report.report_day import ReportDay
from cartograph.report.rows import Values, rows_of

LABEL = "Communities"
_LEADERS = 6  # Products named per community.
_EDGES = 3  # Edges drawn per product, the strongest.


def content(day: ReportDay) -> Values:
    """communities, map and bundles, as the functions below give them."""
    settings, positions = day.settings, day.read("silver.communities")
    largest = communities(positions, settings.n_communities)
    return {
        "communities": largest,
        "map": community_map(positions, day.read("silver.product_graph"), largest, settings.n_nodes),
        "bundles": bundles(day.read("gold.bundles"), settings.n_rules),
    }


def product_ids(content: Values) -> set[str]:
    """The leaders of communities, the nodes of the map, the products of bundles."""
    leaders = {name for one in content["communities"] for name in one["leaders"]}
    bundled = {name for one in content["bundles"] for name in one["product_ids"]}
    return leaders | bundled | {node["product_id"] for node in content["map"]["nodes"]}


def communities(positions: DataFrame, limit: int) -> list[Values]:
    """The largest communities: community_id, n_products, leaders (product ids of the highest PageRank, best first).

    Args:
        positions: rows of silver.communities.
        limit: communities at most.
    """
    known = positions.where("community_id IS NOT NULL")
    central = F.struct((-F.coalesce("pagerank", F.lit(0.0))).alias("order"), "product_id")
    sizes = known.groupBy("community_id").agg(
        F.count("*").alias("n_products"), F.slice(F.sort_array(F.collect_list(central)), 1, _LEADERS).alias("first")
    )
    largest = sizes.orderBy(F.desc("n_products"), "community_id").limit(limit)
    return rows_of(largest.select("community_id", "n_products", F.col("first.product_id").alias("leaders")))


def community_map(positions: DataFrame, edges: DataFrame, shown: list[Values], limit: int) -> Values:
    """The map: `nodes` (product_id, community_id, pagerank, core, n_triangles), `edges` (src, dst, lift, n_orders).

    Nodes are the products of the highest PageRank of the communities shown, edges the strongest between them.

    Args:
        positions: rows of silver.communities.
        edges: rows of silver.product_graph.
        shown: of `communities`.
        limit: nodes at most.
    """
    names = [one["community_id"] for one in shown]
    central = positions.where(F.col("community_id").isin(names)).orderBy(F.desc_nulls_last("pagerank"), "product_id")
    nodes = central.select("product_id", "community_id", "pagerank", "core", "n_triangles").limit(limit).persist()
    ends = [nodes.select(F.col("product_id").alias(end)) for end in ("src", "dst")]
    inside = edges.join(F.broadcast(ends[0]), "src").join(F.broadcast(ends[1]), "dst")
    strongest = Window.partitionBy("src").orderBy(F.desc("weight"), "dst")
    kept = inside.withColumn("nth", F.row_number().over(strongest)).where(F.col("nth") <= _EDGES)
    once = kept.groupBy(F.least("src", "dst").alias("src"), F.greatest("src", "dst").alias("dst"))
    strongest_edges = once.agg(F.max("lift").alias("lift"), F.max("n_orders").alias("n_orders")).orderBy("src", "dst")
    graph = {"nodes": rows_of(nodes.orderBy("product_id")), "edges": rows_of(strongest_edges)}
    nodes.unpersist()
    return graph


def bundles(found: DataFrame, limit: int) -> list[Values]:
    """The bundles that most orders hold: product_ids, n_orders, n_outside, lift.

    Args:
        found: rows of gold.bundles.
        limit: bundles at most.
    """
    first = found.orderBy(F.desc("n_orders"), F.desc("lift"), "product_ids").limit(limit)
    return rows_of(first.select("product_ids", "n_orders", "n_outside", "lift"))
