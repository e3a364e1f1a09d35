"""Bundles: three or four products that are all bought with each other, found as motifs of the product graph."""

from __future__ import annotations

from itertools import combinations

from graphframes import GraphFrame
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from cartograph.graph.settings import BundleSettings

SIZES = (3, 4)
_ENDS = "abcd"


def bundles(graph: GraphFrame, baskets: DataFrame, settings: BundleSettings) -> DataFrame:
    """One row per bundle: product_ids (sorted), n_products, n_orders, lift, n_outside.

    n_orders counts orders with all of them; lift is the share of these orders over the product of the shares of each:
    how many times more often than if they were bought independently; n_outside counts orders with all but one, so that
    n_orders / (n_orders + n_outside) is the share in which the bundle is complete. Three products of a bundle of four
    are listed only if they are bought without the fourth at least as often as with it.

    Args:
        graph: of `by_graphframes.graph_of`: significant edges, each in both directions.
        baskets: rows of silver.baskets.
        settings: `n_strongest` bounds the number of motifs.
    """
    ends = [F.least("src", "dst").alias("src"), F.greatest("src", "dst").alias("dst")]
    mutual = _strongest(graph.edges, "src", "dst", settings.n_strongest).groupBy(*ends).count().where("count = 2")
    ordered = GraphFrame(graph.vertices, mutual.select("src", "dst"))
    found = _cliques(ordered, SIZES[0])
    for size in SIZES[1:]:
        found = found.unionByName(_cliques(ordered, size))
    completed = F.col("n_orders") / (F.col("n_orders") + F.col("n_outside"))
    is_bundle = (F.col("n_orders") >= settings.min_orders) & (completed >= settings.min_completed)
    counted = _counted(found, baskets).where(is_bundle).localCheckpoint()
    return counted.join(_parts_of_larger(counted), "product_ids", "left_anti")


def _strongest(edges: DataFrame, end: str, other: str, n: int) -> DataFrame:
    """The `n` heaviest edges at each `end`."""
    heaviest_first = Window.partitionBy(end).orderBy(F.desc("weight"), other)
    return edges.withColumn("place", F.row_number().over(heaviest_first)).where(F.col("place") <= n).drop("place")


def _cliques(graph: GraphFrame, size: int) -> DataFrame:
    """Sets of `size` products with an edge between any two: product_ids, sorted, as edges point to the larger id."""
    ends = _ENDS[:size]
    motif = "; ".join(f"({one})-[]->({other})" for one, other in combinations(ends, 2))
    found: DataFrame = graph.find(motif)
    return found.select(F.array(*[F.col(f"{end}.id") for end in ends]).alias("product_ids"))


def _counted(found: DataFrame, baskets: DataFrame) -> DataFrame:
    """The sets with n_products, n_orders, n_outside and lift."""
    lines = baskets.select("order_id", F.explode(F.array_distinct("product_ids")).alias("product_id"))
    members = found.select("product_ids", F.explode("product_ids").alias("product_id"))
    n_products = F.size("product_ids")
    together = lines.join(members, "product_id").groupBy("product_ids", "order_id").agg(F.count("*").alias("n"))
    orders = together.groupBy("product_ids").agg(
        F.count_if(F.col("n") == n_products).alias("n_orders"),
        F.count_if(F.col("n") == n_products - 1).alias("n_outside"),
    )
    totals = baskets.agg(F.count("*").alias("n_all"))
    sold = lines.groupBy("product_id").agg(F.count("*").alias("n_sold"))
    expected = members.join(sold, "product_id").join(F.broadcast(totals)).groupBy("product_ids", "n_all").agg(
        F.sum(F.ln(F.col("n_sold") / F.col("n_all"))).alias("log_chance")
    )  # fmt: skip
    lift = F.exp(F.ln(F.col("n_orders") / F.col("n_all")) - F.col("log_chance"))
    return orders.join(expected, "product_ids").select(
        "product_ids", n_products.alias("n_products"), "n_orders", "n_outside", lift.alias("lift")
    )


def _parts_of_larger(counted: DataFrame) -> DataFrame:
    """product_ids of sets that are mostly bought as part of a larger one."""
    larger = counted.where(F.col("n_products") == SIZES[1])
    parts = larger.select(
        F.explode(F.transform("product_ids", lambda one: F.array_remove("product_ids", one))).alias("product_ids"),
        F.col("n_orders").alias("n_whole"),
    )
    return parts.join(counted, "product_ids").where("2 * n_whole > n_orders").select("product_ids").distinct()
