"""Products that are bought with the same companions, which makes them candidates for substitutes."""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

_MAX_COMPANIONS = 50  # Per product, the heaviest.
_MAX_PRODUCTS = (
    500  # Per companion, the heaviest: work grows with the square, and a companion of everything says little.
)


def similar_pairs(edges: DataFrame, n_neighbours: int = 100) -> DataFrame:
    """One row per pair of products with companions in common, both ways: src, dst, similarity, n_shared.

    Similarity is the cosine of vectors of npmi: one entry per companion that is bought more often than expected.

    Args:
        edges: rows of silver.product_graph.
        n_neighbours: pairs kept per product, the most similar.
    """
    bought = edges.where("n_orders > 0 AND npmi > 0").select("src", F.col("dst").alias("companion"), "npmi")
    own = Window.partitionBy("src").orderBy(F.desc("npmi"), "companion")
    kept = bought.withColumn("place", F.row_number().over(own)).where(F.col("place") <= _MAX_COMPANIONS)
    norm = F.sqrt(F.sum(F.col("npmi") * F.col("npmi")).over(Window.partitionBy("src")))
    units = kept.select("src", "companion", (F.col("npmi") / norm).alias("share"))
    company = Window.partitionBy("companion").orderBy(F.desc("share"), "src")
    units = units.withColumn("place", F.row_number().over(company)).where(F.col("place") <= _MAX_PRODUCTS)
    units = units.drop("place").localCheckpoint()
    other = units.select(F.col("src").alias("dst"), "companion", F.col("share").alias("other_share"))
    pairs = units.join(other, "companion").where("src <> dst").groupBy("src", "dst")
    cosine = F.round(F.sum(F.col("share") * F.col("other_share")), 9)  # The order of a sum changes its last bits.
    similar = pairs.agg(cosine.alias("similarity"), F.count("*").alias("n_shared"))
    most = Window.partitionBy("src").orderBy(F.desc("similarity"), "dst")
    return similar.withColumn("place", F.row_number().over(most)).where(F.col("place") <= n_neighbours).drop("place")
