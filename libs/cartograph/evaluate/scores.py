"""Each list against its truth: one row of metric values per model, slice and list."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from cartograph.core import metrics

LIST_METRICS = ("novelty", "user_coverage")


def list_scores(lists: DataFrame, truth: DataFrame, ks: Sequence[int]) -> DataFrame:
    """One row per model and row of `truth`: the value of every metric at every k.

    A customer with truth but without a list scores zero, except in novelty, which is null without a list. The full
    ranking counts: nothing is sampled.

    Columns: model, slice, list_id, cluster_id and one `metric@k` each.

    Args:
        lists: model, list_id, rank, product_id, self_information.
        truth: slice, list_id, cluster_id, relevant.
        ks: list lengths.
    """
    longest = max(ks)
    ranked = lists.where(F.col("rank") <= longest).select(
        "model", "list_id", F.struct("rank", "product_id", "self_information").alias("place")
    )
    grouped = ranked.groupBy("model", "list_id").agg(F.sort_array(F.collect_list("place")).alias("places"))
    asked = truth.crossJoin(F.broadcast(lists.select("model").distinct()))
    places = F.coalesce("places", F.array().cast(grouped.schema["places"].dataType))
    answered = asked.join(grouped, ["model", "list_id"], "left").withColumn("places", places)
    hit_places = F.filter("places", lambda place: F.array_contains("relevant", place["product_id"]))
    return answered.withColumn("hit_ranks", F.transform(hit_places, lambda place: place["rank"])).select(
        "model", "slice", "list_id", "cluster_id", *_values(ks)
    )


def metric_names(ks: Sequence[int]) -> list[str]:
    """Names of the metric columns of `list_scores`: `ndcg@10` and so on."""
    return [f"{metric}@{k}" for metric in (*metrics.RANKING_METRICS, *LIST_METRICS) for k in ks]


def catalogue_coverage(lists: DataFrame, truth: DataFrame, n_products: DataFrame, ks: Sequence[int]) -> DataFrame:
    """One row per model, slice and k: the share of the catalogue that the lists of the slice's customers show.

    Columns: model, slice, metric ('coverage'), k, value, n_users.
    """
    shown = lists.join(truth.select("slice", "list_id"), "list_id")
    products = shown.groupBy("model", "slice", "product_id").agg(F.min("rank").alias("best_rank"))
    counts = products.groupBy("model", "slice").agg(*[_count_within(k) for k in ks])
    askers = truth.groupBy("slice").agg(F.count(F.lit(1)).alias("n_users"))
    columns = ", ".join(f"{k}, `{k}`" for k in ks)
    return (
        counts.join(F.broadcast(askers), "slice")
        .join(F.broadcast(n_products))
        .select("model", "slice", "n_users", "n_products", F.expr(f"stack({len(ks)}, {columns}) as (k, n_shown)"))
        .select("model", "slice", F.lit("coverage").alias("metric"), "k",
                (F.col("n_shown") / F.col("n_products")).alias("value"), "n_users")
    )  # fmt: skip


def _count_within(k: int) -> Column:
    return F.count(F.when(F.col("best_rank") <= k, 1)).alias(str(k))


def _values(ks: Sequence[int]) -> list[Column]:
    hit_ranks, n_relevant = F.col("hit_ranks"), F.size("relevant")
    information = F.transform("places", lambda place: place["self_information"])
    ranking = {
        f"{name}@{k}": value for k in ks for name, value in metrics.ranking_metrics(hit_ranks, n_relevant, k).items()
    }
    novelty = {f"novelty@{k}": metrics.mean_of_first(information, k) for k in ks}
    served = {f"user_coverage@{k}": F.when(F.size("places") > 0, 1.0).otherwise(0.0) for k in ks}
    return [value.alias(name) for name, value in {**ranking, **novelty, **served}.items()]
