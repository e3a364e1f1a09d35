"""The past seen from later: lists made at `as_of`, scored by what happened in the horizon after it."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.evaluate.bootstrap import means
from cartograph.evaluate.scores import catalogue_coverage, list_scores, metric_names


def evaluation(
    lists: DataFrame,
    truth: DataFrame,
    popularity: DataFrame,
    catalogue: DataFrame,
    *,
    ks: Sequence[int],
    n_buckets: int,
    n_resamples: int,
    seed: int,
) -> DataFrame:
    """One row per model, slice, metric and k: the value, its 95 % interval and how many lists it is the mean of.

    The interval of coverage is null: it is not a mean over customers.

    Columns: model, slice, metric, k, value, low, high, n_users.

    Args:
        lists: model, list_id, rank, product_id.
        truth: of `user_truth` or `basket_truth`.
        popularity: of `product_popularity`, taken before the horizon.
        catalogue: one row per product known before the horizon, sold or not: what coverage is a share of.
        ks: list lengths the metrics are computed at.
        n_buckets: see `bootstrap.means`.
        n_resamples: see `bootstrap.means`.
        seed: of the bootstrap.
    """
    informed = with_self_information(lists, popularity)
    scores = list_scores(informed, truth, ks)
    averages = means(scores, metric_names(ks), n_buckets, n_resamples, seed)
    n_products = catalogue.agg(F.count(F.lit(1)).alias("n_products"))
    coverage = catalogue_coverage(lists, truth, n_products, ks)
    return averages.unionByName(coverage, allowMissingColumns=True)


def with_self_information(lists: DataFrame, popularity: DataFrame) -> DataFrame:
    """`lists` with the self-information of each product; one that nobody had bought surprises most."""
    # log2(n_all_users + 1), read off any product.
    highest = F.max(F.col("self_information") + F.log2(F.col("n_users") + 1.0))
    never_bought = popularity.agg(highest.alias("never_bought"))
    known = lists.join(popularity.select("product_id", "self_information"), "product_id", "left")
    information = F.coalesce("self_information", "never_bought")
    return known.join(F.broadcast(never_bought)).withColumn("self_information", information).drop("never_bought")
