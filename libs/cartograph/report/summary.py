"""What the pipeline prints at its end: a few related products, and the comparison of models."""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F


def best_sellers_related(related: DataFrame, baskets: DataFrame, products: DataFrame, n: int, k: int) -> DataFrame:
    """`k` complements of each of the `n` products in most baskets: product, related, score, why.

    Products without a title show their id. Ordered by baskets, then rank.
    """
    in_baskets = baskets.select(F.explode("product_ids").alias("product_id")).groupBy("product_id")
    best = in_baskets.agg(F.count("*").alias("n_baskets")).orderBy(F.desc("n_baskets"), "product_id").limit(n)
    titles = products.select("product_id", F.coalesce("title", "product_id").alias("title"))
    associated = titles.select(F.col("product_id").alias("associated_product_id"), F.col("title").alias("related"))
    return (
        related.where((F.col("rank") <= k) & (F.col("relation") == "complement"))
        .join(F.broadcast(best), "product_id")
        .join(titles, "product_id")
        .join(associated, "associated_product_id")
        .orderBy(F.desc("n_baskets"), "product_id", "rank")
        .select(F.col("title").alias("product"), "related", "score", "why")
    )


def models_compared(evaluation: DataFrame, metrics: tuple[str, ...]) -> DataFrame:
    """One row per model, best first by the first of `metrics`: each metric over all customers, longest list."""
    longest = Window.partitionBy("metric").orderBy(F.desc("k"))
    values = (
        evaluation.where((F.col("slice") == "all") & F.col("metric").isin(*metrics))
        .withColumn("nth", F.dense_rank().over(longest))
        .where("nth = 1")
    )
    table = values.groupBy("model", "k").pivot("metric", list(metrics)).agg(F.first("value"))
    return table.orderBy(F.desc(metrics[0]), "model")
