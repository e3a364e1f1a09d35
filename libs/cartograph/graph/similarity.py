"""Products that are bought with the same others: who keeps the same company can take the place of the other."""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

_MOST_COMPANIONS = 50  # per product, the heaviest: the work on a product grows with the square of its companions
_MOST_COMPANY = 500  # products that a companion joins, the heaviest: what goes with everything says nothing


def similar_pairs(edges: DataFrame, n_neighbours: int = 100) -> DataFrame:
    """One row per pair of products with companions in common, both ways: src, dst, similarity, n_shared.

    Similarity is the cosine of the products' vectors of npmi with everything that they are bought with beyond chance.

    Args:
        edges: rows of silver.product_graph.
        n_neighbours: pairs kept per product, the most similar.
    """
    bought = edges.where("n_orders > 0 AND npmi > 0").select("src", F.col("dst").alias("companion"), "npmi")
    own = Window.partitionBy("src").orderBy(F.desc("npmi"), "companion")
    kept = bought.withColumn("place", F.row_number().over(own)).where(F.col("place") <= _MOST_COMPANIONS)
    norm = F.sqrt(F.sum(F.col("npmi") * F.col("npmi")).over(Window.partitionBy("src")))
    units = kept.select("src", "companion", (F.col("npmi") / norm).alias("share"))
    company = Window.partitionBy("companion").orderBy(F.desc("share"), "src")
    units = units.withColumn("place", F.row_number().over(company)).where(F.col("place") <= _MOST_COMPANY)
    units = units.drop("place").localCheckpoint()
    other = units.select(F.col("src").alias("dst"), "companion", F.col("share").alias("other_share"))
    pairs = units.join(other, "companion").where("src <> dst").groupBy("src", "dst")
    cosine = F.round(F.sum(F.col("share") * F.col("other_share")), 9)  # sums differ in their last bits by order
    similar = pairs.agg(cosine.alias("similarity"), F.count("*").alias("n_shared"))
    most = Window.partitionBy("src").orderBy(F.desc("similarity"), "dst")
    return similar.withColumn("place", F.row_number().over(most)).where(F.col("place") <= n_neighbours).drop("place")
