"""How popular each product was, and how surprising it is to be shown it."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from cartograph.core.statistics import metrics
from cartograph.evaluate.settings import EvaluateSettings


def product_popularity(events: DataFrame, settings: EvaluateSettings) -> DataFrame:
    """One row per product with purchases: its buyers, its popularity band and its self-information.

    Head products are the best sellers that together make up `head_share` of all (customer, product) purchases, tail
    products the slowest sellers that make up `tail_share`, mid the rest (Abdollahpouri et al. 2019). Products sold
    to equally many customers share a band.

    Columns: product_id, n_users, popularity ('head', 'mid' or 'tail'), self_information (bits).
    """
    buyers = events.where("event_type = 'purchase' and user_id is not null").select("user_id", "product_id").distinct()
    products = buyers.groupBy("product_id").agg(F.count(F.lit(1)).alias("n_users"))
    n_all_users = buyers.agg(F.countDistinct("user_id").alias("n_all_users"))
    return (
        products.join(F.broadcast(_bands(products, settings)), "n_users")
        .join(F.broadcast(n_all_users))
        .select(
            "product_id",
            "n_users",
            "popularity",
            metrics.self_information(F.col("n_users"), F.col("n_all_users")).alias("self_information"),
        )
    )


def _bands(products: DataFrame, settings: EvaluateSettings) -> DataFrame:
    """One row per number of buyers: the popularity band of products with that many.

    The running sum is over distinct counts, of which there are few, not over products.
    """
    sales = products.groupBy("n_users").agg((F.col("n_users") * F.count(F.lit(1))).alias("n_sales"))
    everything = Window.partitionBy()
    sold_by_better = F.sum("n_sales").over(Window.orderBy(F.desc("n_users"))) - F.col("n_sales")
    share: Column = sold_by_better / F.sum("n_sales").over(everything)
    band = F.when(share < settings.head_share, "head").when(share < 1 - settings.tail_share, "mid").otherwise("tail")
    return sales.select("n_users", band.alias("popularity"))
