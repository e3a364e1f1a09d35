"""What the report shows of the product graph: bundles, communities, and the most central products with their ties."""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from cartograph.report.content import Values, rows_of

_LEADERS = 6  # products named per community
_TIES = 3  # drawn per product, its strongest


def communities(places: DataFrame, limit: int) -> list[Values]:
    """The largest communities: community_id, n_products, leaders (product ids of the highest PageRank, best first).

    Args:
        places: rows of silver.communities.
        limit: communities at most.
    """
    known = places.where("community_id IS NOT NULL")
    central = F.struct((-F.coalesce("pagerank", F.lit(0.0))).alias("place"), "product_id")
    sizes = known.groupBy("community_id").agg(
        F.count("*").alias("n_products"), F.slice(F.sort_array(F.collect_list(central)), 1, _LEADERS).alias("first")
    )
    largest = sizes.orderBy(F.desc("n_products"), "community_id").limit(limit)
    return rows_of(largest.select("community_id", "n_products", F.col("first.product_id").alias("leaders")))


def community_map(places: DataFrame, edges: DataFrame, shown: list[Values], limit: int) -> Values:
    """The picture: `nodes` (product_id, community_id, pagerank, core, n_triangles), `ties` (src, dst, lift, n_orders).

    Nodes are the products of the highest PageRank of the communities shown, ties the strongest edges between them.

    Args:
        places: rows of silver.communities.
        edges: rows of silver.product_graph.
        shown: of `communities`.
        limit: nodes at most.
    """
    names = [one["community_id"] for one in shown]
    central = places.where(F.col("community_id").isin(names)).orderBy(F.desc_nulls_last("pagerank"), "product_id")
    nodes = central.select("product_id", "community_id", "pagerank", "core", "n_triangles").limit(limit).persist()
    ends = [nodes.select(F.col("product_id").alias(end)) for end in ("src", "dst")]
    inside = edges.join(F.broadcast(ends[0]), "src").join(F.broadcast(ends[1]), "dst")
    strongest = Window.partitionBy("src").orderBy(F.desc("weight"), "dst")
    kept = inside.withColumn("place", F.row_number().over(strongest)).where(F.col("place") <= _TIES)
    once = kept.groupBy(F.least("src", "dst").alias("src"), F.greatest("src", "dst").alias("dst"))
    ties = once.agg(F.max("lift").alias("lift"), F.max("n_orders").alias("n_orders")).orderBy("src", "dst")
    drawn = {"nodes": rows_of(nodes.orderBy("product_id")), "ties": rows_of(ties)}
    nodes.unpersist()
    return drawn


def bundles(found: DataFrame, limit: int) -> list[Values]:
    """The bundles that most orders hold: product_ids, n_orders, n_outside, lift.

    Args:
        found: rows of gold.bundles.
        limit: bundles at most.
    """
    first = found.orderBy(F.desc("n_orders"), F.desc("lift"), "product_ids").limit(limit)
    return rows_of(first.select("product_ids", "n_orders", "n_outside", "lift"))
