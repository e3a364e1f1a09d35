"""Lists made at `as_of`, evaluated on what happened in the horizon after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.core.model import Silver
from cartograph.evaluate.bootstrap import bucket_sums, means
from cartograph.evaluate.exposure import exposure
from cartograph.evaluate.known import Known, category_slices, segment_slices
from cartograph.evaluate.list_scores import list_scores, metric_names, whole_lists
from cartograph.evaluate.settings import EvaluateSettings
from cartograph.evaluate.truth import EVERYONE, basket_truth, user_truth


@dataclass(frozen=True)
class Evaluation:
    """`values`: model, slice, metric, k, value, low, high, n_users; `sums`: the bucket sums that they are made of."""

    values: DataFrame
    sums: DataFrame


def customer_evaluation(
    candidates: DataFrame,
    past: Silver,
    known: Known,
    horizon: DataFrame,
    seen_by: Sequence[str],
    settings: EvaluateSettings,
) -> Evaluation:
    """The evaluation of customers' lists on what they bought in the horizon.

    Args:
        candidates: rows of gold.candidates.
        past: the silver tables before the horizon.
        known: what they say, see `known_before`.
        horizon: events of the horizon.
        seen_by: types of events after which a product is not new to a customer any more.
        settings: see `EvaluateSettings`.
    """
    slices = category_slices(known, settings), segment_slices(past.users, settings)
    truth = user_truth(past.events, horizon, known.popularity, *slices, seen_by)
    return evaluation(candidates.withColumn("list_id", F.col("user_id")), truth, known, settings)


def product_evaluation(
    associations: DataFrame, known: Known, baskets: DataFrame, settings: EvaluateSettings
) -> Evaluation:
    """The evaluation of products' lists on the baskets of the horizon.

    Args:
        associations: rows of gold.associations.
        known: see `known_before`.
        baskets: those of the horizon.
        settings: see `EvaluateSettings`.
    """
    lists = associations.select(
        "model", F.col("product_id").alias("list_id"), F.col("associated_product_id").alias("product_id"), "rank"
    )
    return evaluation(lists, basket_truth(baskets), replace(known, tastes=None), settings)


def evaluation(lists: DataFrame, truth: DataFrame, known: Known, settings: EvaluateSettings) -> Evaluation:
    """One row per model, slice, metric and k: the value, its 95 % interval and the number of lists it is the mean of.

    Coverage, Gini coefficient and exposures have no interval, as they are not means over customers; nor have slices of
    fewer than `settings.min_users` lists, or in which all lists have the same value: see `bootstrap`.

    Args:
        lists: model, list_id, rank, product_id.
        truth: see `user_truth` and `basket_truth`.
        known: of products and customers, before the horizon; coverage is a share of its catalogue.
        settings: list lengths and bootstrap.
    """
    truth = truth.localCheckpoint()  # Read by everything that follows.
    names = metric_names(settings.k)
    whole, models = whole_lists(lists, truth, known, settings.k), lists.select("model").distinct()
    scores = list_scores(whole, models, truth, universe(known.catalogue, truth), settings.k)
    sums = bucket_sums(scores, names, settings).localCheckpoint()
    n_products = known.catalogue.agg(F.count(F.lit(1)).alias("n_products"))
    shown = exposure(lists, truth, known.popularity, n_products, settings.k)
    return Evaluation(means(sums, names, settings).unionByName(shown, allowMissingColumns=True), sums)


def universe(catalogue: DataFrame, truth: DataFrame) -> DataFrame:
    """One row, n_universe: products known before the horizon or right answers in it."""
    bought = truth.select(F.explode("relevant").alias("product_id"))
    return catalogue.select("product_id").union(bought).agg(F.count_distinct("product_id").alias("n_universe"))


def headline(values: DataFrame, settings: EvaluateSettings) -> dict[str, float]:
    """`<model>.<metric>_<k>` of all customers at the longest list length, for the tracker.

    Args:
        values: rows of gold.evaluation of one day.
        settings: list lengths.
    """
    rows = values.where((F.col("slice") == EVERYONE) & (F.col("k") == max(settings.k))).collect()
    return {f"{row['model']}.{row['metric']}_{row['k']}": row["value"] for row in rows}
