"""Lists for customers without candidates: the best sellers of their region, or of the whole shop."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from cartograph.core.model import Silver

_ANYWHERE = ""  # the whole shop
_COLUMNS = "user_id string, product_id string, rank int, score double, n_buyers long, is_local boolean"


def cold_start_lists(data: Silver, served: DataFrame, k: int, forbidden: DataFrame | None = None) -> DataFrame:
    """One row per customer without candidates and best-selling product.

    Customers of a region where at least `k` products were sold get the best sellers of their region, all others those
    of the whole shop, followed by the newest products where too few have been sold.

    Columns: user_id, product_id, rank, n_buyers, score (the same), is_local (whether buyers of the region were
    counted). Lists continue until `k` products are not `forbidden`; the forbidden ones before them are included.

    Args:
        data: silver tables before `as_of`.
        served: rows with the user_id of every customer with candidates.
        k: length of a list.
        forbidden: product_id: what will be removed from the lists.
    """
    if data.users is None:
        return served.sparkSession.createDataFrame([], _COLUMNS)
    newcomers = data.users.join(served.select("user_id").distinct(), "user_id", "left_anti").select("user_id", "region")
    lists = _best_sellers(data, forbidden, k).localCheckpoint()  # a list per region, read twice
    local = lists.where((F.col("region") != _ANYWHERE) & (F.col("n") >= k)).select("region", "best")
    anywhere = lists.where(F.col("region") == _ANYWHERE).select(F.col("best").alias("anywhere"))
    # Most customers get the same list: joined by region, they would all go to one task.
    joined = newcomers.join(local, "region", "left").crossJoin(F.broadcast(anywhere))
    own = F.col("best").isNotNull().alias("is_local")
    score = F.col("n_buyers").cast("double").alias("score")
    return joined.select("user_id", own, F.inline(F.coalesce("best", "anywhere"))).select(
        "user_id", "product_id", "rank", score, "n_buyers", "is_local"
    )


def _best_sellers(data: Silver, forbidden: DataFrame | None, k: int) -> DataFrame:
    """The best sellers of each region and of the whole shop: `k` that are not forbidden, and those ranked before them.

    Those of the whole shop are followed by products that nobody bought, the newest first: a new shop has no others.

    Columns: region, n (products not forbidden, at most `k`), best (rank, product_id, n_buyers, best first; at most
    3 `k`).
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
        marked = forbidden.select("product_id", F.lit(True).alias("is_forbidden"))
        buyers, is_free = buyers.join(marked, "product_id", "left"), F.col("is_forbidden").isNull()
    newest = F.when(F.col("n_buyers") == 0, F.col("first_seen_at"))
    best_first = Window.partitionBy("region").orderBy(F.desc("n_buyers"), newest.desc_nulls_last(), "product_id")
    n_free = F.count_if(is_free).over(best_first.rowsBetween(Window.unboundedPreceding, Window.currentRow))
    ranked = buyers.withColumns({"rank": F.row_number().over(best_first), "n_free": n_free})
    # A limit however many are forbidden, because the list is joined to every newcomer.
    is_before = (F.col("n_free") < k) & (F.col("rank") <= 2 * k)
    kept = ranked.where(F.when(is_free, F.col("n_free") <= k).otherwise(is_before))
    best = F.sort_array(F.collect_list(F.struct("rank", "product_id", "n_buyers"))).alias("best")
    return kept.groupBy("region").agg(F.max("n_free").alias("n"), best)
