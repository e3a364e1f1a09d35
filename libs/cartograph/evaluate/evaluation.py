"""The past seen from later: lists made at `as_of`, scored by what happened in the horizon after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.evaluate.beyond_accuracy import Known
from cartograph.evaluate.bootstrap import bucket_sums, means
from cartograph.evaluate.exposure import exposure
from cartograph.evaluate.list_scores import list_scores, metric_names, whole_lists


@dataclass(frozen=True)
class Evaluation:
    """`values`: model, slice, metric, k, value, low, high, n_users; `sums`: the bucket sums that they are made of."""

    values: DataFrame
    sums: DataFrame


def evaluation(
    lists: DataFrame,
    truth: DataFrame,
    known: Known,
    *,
    ks: Sequence[int],
    n_buckets: int,
    n_resamples: int,
    seed: int,
    compared: Sequence[str] = (),
    min_users: int = 1,
) -> Evaluation:
    """One row per model, slice, metric and k: the value, its 95 % interval and how many lists it is the mean of.

    Intervals are null of coverage, Gini coefficient and exposures, which are not means over customers, and where there
    are fewer than `min_users` lists, or all have the same value: see `bootstrap`.

    Args:
        lists: model, list_id, rank, product_id.
        truth: of `user_truth` or `basket_truth`.
        known: of products and customers, before the horizon; coverage is a share of its catalogue.
        ks: list lengths the metrics are computed at.
        n_buckets: see `bootstrap.means`.
        n_resamples: see `bootstrap.means`.
        seed: of the bootstrap.
        compared: metrics whose differences between models are told.
        min_users: see `bootstrap.means`.
    """
    truth = truth.localCheckpoint()  # read by all that follows
    names = metric_names(ks)
    whole, models = whole_lists(lists, truth, known, ks), lists.select("model").distinct()
    scores = list_scores(whole, models, truth, universe(known.catalogue, truth), ks)
    sums = bucket_sums(scores, names, n_buckets, seed).localCheckpoint()
    averages = means(sums, names, n_buckets, n_resamples, seed, compared, min_users)
    n_products = known.catalogue.agg(F.count(F.lit(1)).alias("n_products"))
    shown = exposure(lists, truth, known.popularity, n_products, ks)
    return Evaluation(averages.unionByName(shown, allowMissingColumns=True), sums)


def universe(catalogue: DataFrame, truth: DataFrame) -> DataFrame:
    """One row, n_universe: products known before the horizon or right answers in it."""
    bought = truth.select(F.explode("relevant").alias("product_id"))
    return catalogue.select("product_id").union(bought).agg(F.count_distinct("product_id").alias("n_universe"))
