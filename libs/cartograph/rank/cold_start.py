"""What to show customers of whom nothing is known yet: what most customers of their region bought."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from cartograph.core.model import Silver
from cartograph.rank import reasons

_ANYWHERE = ""  # stands for every region


def cold_start_lists(data: Silver, served: DataFrame, k: int) -> DataFrame:
    """One row per customer without candidates and popular product.

    A customer of a region where something was sold gets the products that most customers of that region bought, the
    others those that most customers bought anywhere, and where these are too few, the newest. Score is the number of
    buyers.

    Columns: user_id, rank, product_id, score, models (popularity), why, evidence (JSON).

    Args:
        data: silver tables before `as_of`.
        served: rows with the user_id of every customer who has candidates.
        k: length of a list.
    """
    if data.users is None:
        return served.sparkSession.createDataFrame([], _COLUMNS)
    waiting = data.users.join(served.select("user_id").distinct(), "user_id", "left_anti")
    lists = _best_sellers(data.events, data.products, data.users, k)
    regions = lists.select("region").distinct().withColumn("has_list", F.lit(True))
    homes = waiting.join(F.broadcast(regions), "region", "left").select(
        "user_id", F.when(F.col("has_list"), F.col("region")).otherwise(_ANYWHERE).alias("region")
    )
    near: Column = F.when(F.col("region") == _ANYWHERE, "popular").otherwise("popular in your region")
    bought = F.concat(near, F.lit(": bought by "), reasons.counted("n_buyers", "customer"))
    told = F.when(F.col("n_buyers") > 0, bought).otherwise(reasons.NEW)
    parts = F.create_map(F.lit("popularity"), F.col("n_buyers").cast("double"))
    return homes.join(F.broadcast(lists), "region").select(
        "user_id",
        "rank",
        "product_id",
        F.col("n_buyers").cast("double").alias("score"),
        F.array(F.lit("popularity")).alias("models"),
        reasons.sentence(told).alias("why"),
        F.to_json(F.struct(parts.alias("parts"), "n_buyers")).alias("evidence"),
    )


_COLUMNS = (
    "user_id string, rank int, product_id string, score double, models array<string>, why string, evidence string"
)


def _best_sellers(events: DataFrame, products: DataFrame, users: DataFrame, k: int) -> DataFrame:
    """The `k` products with most buyers of each region and of all: region, product_id, n_buyers, rank.

    Of all, products that nobody bought follow, the newest first: a shop that opens has nothing else to show.
    """
    bought = events.where("event_type = 'purchase'").join(users.select("user_id", "region"), "user_id")
    places = F.array_distinct(F.array(F.lit(_ANYWHERE), F.coalesce("region", F.lit(_ANYWHERE))))
    pairs = bought.withColumn("region", F.explode(places)).select("region", "product_id", "user_id")
    unsold = products.select(
        F.lit(_ANYWHERE).alias("region"), "product_id", F.lit(None).cast("string").alias("user_id"), "first_seen_at"
    )
    buyers = (
        pairs.unionByName(unsold, allowMissingColumns=True)
        .groupBy("region", "product_id")
        .agg(F.countDistinct("user_id").alias("n_buyers"), F.max("first_seen_at").alias("first_seen_at"))
    )
    newest = F.when(F.col("n_buyers") == 0, F.col("first_seen_at"))
    best_first = Window.partitionBy("region").orderBy(F.desc("n_buyers"), newest.desc_nulls_last(), "product_id")
    ranked = buyers.withColumn("rank", F.row_number().over(best_first)).where(F.col("rank") <= k)
    return ranked.select("region", "product_id", "n_buyers", "rank")
