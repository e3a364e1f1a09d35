"""What to show customers of whom nothing is known yet: what most customers of their region bought."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from cartograph.core.model import Silver
from cartograph.rank.explanation import reasons

_ANYWHERE = ""  # stands for every region
_COLUMNS = "user_id string, product_id string, rank int, score double, n_buyers long, is_local boolean"


def cold_start_lists(data: Silver, served: DataFrame, k: int, forbidden: DataFrame | None = None) -> DataFrame:
    """One row per customer without candidates and popular product.

    A customer of a region where `k` products were sold gets those that most customers of that region bought, the others
    those that most customers bought anywhere, and where these are too few, the newest.

    Columns: user_id, product_id, rank, n_buyers and score, which is the same, is_local (whether those of the region
    were counted). Lists go on until `k` products are found that are not `forbidden`; the first of those come with them.

    Args:
        data: silver tables before `as_of`.
        served: rows with the user_id of every customer who has candidates.
        k: length of a list.
        forbidden: product_id: what will be taken out of the lists.
    """
    if data.users is None:
        return served.sparkSession.createDataFrame([], _COLUMNS)
    waiting = data.users.join(served.select("user_id").distinct(), "user_id", "left_anti").select("user_id", "region")
    lists = _best_sellers(data, forbidden, k).localCheckpoint()  # a list per region, read twice
    local = lists.where((F.col("region") != _ANYWHERE) & (F.col("n") >= k)).select("region", "best")
    anywhere = lists.where(F.col("region") == _ANYWHERE).select(F.col("best").alias("anywhere"))
    # One list for most customers: joined by region, they would all go to one task.
    told = waiting.join(local, "region", "left").crossJoin(F.broadcast(anywhere))
    own = F.col("best").isNotNull().alias("is_local")
    score = F.col("n_buyers").cast("double").alias("score")
    return told.select("user_id", own, F.inline(F.coalesce("best", "anywhere"))).select(
        "user_id", "product_id", "rank", score, "n_buyers", "is_local"
    )


def popular(lists: DataFrame) -> DataFrame:
    """The rows of gold.recommendations that such lists make.

    Args:
        lists: of `cold_start_lists`, cut to what is shown, `scale.as_shares`.
    """
    near: Column = F.when(F.col("is_local"), "popular in your region").otherwise("popular")
    bought = F.concat(near, F.lit(": bought by "), reasons.counted("n_buyers", "customer"))
    told = F.when(F.col("n_buyers") > 0, bought).otherwise(reasons.NEW)
    parts = F.create_map(F.lit("popularity"), F.col("score"))
    return lists.select(
        "user_id",
        "rank",
        "product_id",
        "score",
        F.array(F.lit("popularity")).alias("models"),
        reasons.sentence(told).alias("why"),
        F.to_json(F.struct(parts.alias("parts"), "n_buyers")).alias("evidence"),
    )


def _best_sellers(data: Silver, forbidden: DataFrame | None, k: int) -> DataFrame:
    """The products with most buyers of each region and of all: `k` that are not forbidden, and what is before them.

    Of all, products that nobody bought follow, the newest first: a shop that opens has nothing else to show.

    Columns: region, n (products not forbidden, at most `k`), best (product_id, n_buyers, rank, best first; at
    most 3 `k`).
    """
    assert data.users is not None
    bought = data.events.where("event_type = 'purchase'").join(data.users.select("user_id", "region"), "user_id")
    places = F.array_distinct(F.array(F.lit(_ANYWHERE), F.coalesce("region", F.lit(_ANYWHERE))))
    pairs = bought.withColumn("region", F.explode(places)).select("region", "product_id", "user_id")
    unsold = data.products.select(
        F.lit(_ANYWHERE).alias("region"), "product_id", F.lit(None).cast("string").alias("user_id"), "first_seen_at"
    )
    buyers = (
        pairs.unionByName(unsold, allowMissingColumns=True)
        .groupBy("region", "product_id")
        .agg(F.countDistinct("user_id").alias("n_buyers"), F.max("first_seen_at").alias("first_seen_at"))
    )
    is_free: Column = F.lit(True)
    if forbidden is not None:
        named = forbidden.select("product_id", F.lit(True).alias("is_forbidden"))
        buyers, is_free = buyers.join(named, "product_id", "left"), F.col("is_forbidden").isNull()
    newest = F.when(F.col("n_buyers") == 0, F.col("first_seen_at"))
    best_first = Window.partitionBy("region").orderBy(F.desc("n_buyers"), newest.desc_nulls_last(), "product_id")
    n_free = F.count_if(is_free).over(best_first.rowsBetween(Window.unboundedPreceding, Window.currentRow))
    ranked = buyers.withColumns({"rank": F.row_number().over(best_first), "n_free": n_free})
    # However many are forbidden, a list is no longer than so: it is joined to each of these customers.
    is_before = (F.col("n_free") < k) & (F.col("rank") <= 2 * k)
    kept = ranked.where(F.when(is_free, F.col("n_free") <= k).otherwise(is_before))
    best = F.sort_array(F.collect_list(F.struct("rank", "product_id", "n_buyers"))).alias("best")
    return kept.groupBy("region").agg(F.max("n_free").alias("n"), best)
