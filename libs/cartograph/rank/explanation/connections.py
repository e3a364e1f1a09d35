"""What connects a product of a customer's history to a candidate: common orders, sequence, paths of the graph."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from cartograph.rank.explanation import reasons
from cartograph.rank.explanation.pair_evidence import MIN_COUNT

CONNECTION_EVIDENCE = ("because_of", "n_baskets", "n_users", "lift", "via")
_STRONGEST = 10  # edges of a product that paths follow


def connections(
    associations: DataFrame, products: DataFrame, sequence_models: Sequence[str], edges: DataFrame | None = None
) -> DataFrame:
    """One row per connection: past_id, product_id, kind, score, clause (the reason), n_baskets, n_users, lift, via.

    Kinds, the most convincing first: 0, customers bought both; 1, a sequence model predicts one after the other; 2,
    both are bought with the product `via`. The counts are null for a path.

    Args:
        associations: `fused_lists` of gold.associations, `with_evidence`.
        products: rows of silver.products.
        sequence_models: models whose vote means that customers choose one product after the other.
        edges: rows of silver.product_graph; None if there is no graph.
    """
    by_sequence = F.arrays_overlap("models", F.array(*[F.lit(name) for name in sequence_models]).cast("array<string>"))
    clause = F.coalesce(reasons.of_pair(), F.when(by_sequence, reasons.NEXT))
    direct = associations.select(
        F.col("product_id").alias("past_id"), F.col("associated_product_id").alias("product_id"),
        F.when(reasons.of_pair().isNotNull(), 0).otherwise(1).alias("kind"), "score", clause.alias("clause"),
        "n_baskets", "n_users", "lift", F.lit(None).cast("string").alias("via"),
    ).where("clause IS NOT NULL")  # fmt: skip
    if edges is None:
        return direct
    titles = products.select(F.col("product_id").alias("via"), "title")
    indirect = paths(edges).join(titles, "via", "left").select(
        F.col("src").alias("past_id"), F.col("dst").alias("product_id"), F.lit(2).alias("kind"), "score",
        reasons.of_path(F.coalesce("title", "via")).alias("clause"), "via",
    )  # fmt: skip
    return direct.unionByName(indirect, allowMissingColumns=True)


def paths(edges: DataFrame) -> DataFrame:
    """One row per two products with a common neighbour: src, dst, via (that of the strongest path), score.

    A path is as strong as its weaker edge. Only the strongest edges of a product are followed, and only those of pairs
    bought at least twice, so the number of paths per product is at most the square of the number of edges followed.
    """
    heaviest = Window.partitionBy("src").orderBy(F.desc("weight"), "dst")
    bought = edges.where(F.col("n_orders") >= MIN_COUNT).withColumn("place", F.row_number().over(heaviest))
    near = bought.where(F.col("place") <= _STRONGEST).select("src", "dst", "weight")
    onward = near.select(F.col("src").alias("dst"), F.col("dst").alias("end"), F.col("weight").alias("weight_after"))
    hops = near.join(onward, "dst").where("src <> end")
    score = F.least("weight", "weight_after")
    best = F.max(F.struct(score.alias("score"), F.col("dst").alias("via"))).alias("best")
    return hops.groupBy("src", F.col("end").alias("dst")).agg(best).select("src", "dst", "best.via", "best.score")
