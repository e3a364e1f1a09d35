"""What the pipeline prints at its end: a few related products, and the comparison of models."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

METRICS = ("ndcg", "recall", "hit_rate", "coverage")


def summary_tables(read: Callable[[str, date], DataFrame], as_of: date, horizon_days: int) -> dict[str, DataFrame]:
    """Related products of the best sellers and the comparison of the models, each by its title.

    Args:
        read: the rows of a table on a day.
        as_of: the day of the related products.
        horizon_days: days before it on which the lists were made that are compared.
    """
    earlier = as_of - timedelta(days=horizon_days)
    related = read("gold.related_products", as_of)
    sellers = best_sellers_related(related, read("silver.baskets", as_of), read("silver.products", as_of), n=5, k=3)
    return {
        f"Related products of best sellers, before {as_of}": sellers,
        f"Lists made on {earlier}, evaluated on the {horizon_days} days after": models_compared(
            read("gold.evaluation", earlier), METRICS
        ),
    }


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
