"""One list out of many: reciprocal rank fusion (Cormack, Clarke and Büttcher 2009), or sums of probabilities."""

from __future__ import annotations

from collections.abc import Mapping

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from cartograph.rank.settings import RankSettings

FUSED = "fused"


def fused_lists(
    lists: DataFrame,
    group: str,
    item: str,
    constant: float,
    weights: Mapping[str, float],
    probabilities: DataFrame | None = None,
) -> DataFrame:
    """One row per `group` and `item` listed by any model: the score is the sum of the models' votes.

    A vote is weight / (constant + rank), or weight x probability if `probabilities` are given. Only ranks count, so
    models whose scores are on different scales can be combined. A model not listed in `weights` has weight 1; weight 0
    removes its vote. Lists of the model `fused`, the result of an earlier fusion, are ignored.

    Columns: `group`, `item`, score, rank (from 1, ties in order of `item`), models array<string> (those that voted, by
    descending vote), votes array<double> (of these models; they sum to the score).

    Args:
        lists: model, `group`, `item`, rank.
        group: the column that identifies a list, `user_id` or `product_id`.
        item: the column with the listed products.
        constant: the larger, the less the first ranks dominate.
        weights: by model.
        probabilities: model, rank, probability, of `rank_probabilities`; models missing there have no vote.
    """
    worth: Column = 1.0 / (F.lit(float(constant)) + F.col("rank"))
    cast = lists.where(F.col("model") != FUSED)
    if probabilities is not None:
        cast, worth = cast.join(F.broadcast(probabilities), ["model", "rank"]), F.col("probability")
    votes = cast.withColumn("vote", _weight(weights) * worth).where(_weight(weights) > 0)
    # Sorted before they are added up, so that sums, and with them ties, are the same in every run.
    largest_first = F.sort_array(F.collect_list(F.struct((-F.col("vote")).alias("negative"), "model")))
    voters = votes.groupBy(group, item).agg(largest_first.alias("voters"))
    score = F.aggregate("voters", F.lit(0.0), lambda total, voter: total - voter["negative"])
    scored = voters.select(
        group,
        item,
        score.alias("score"),
        F.col("voters.model").alias("models"),
        F.transform("voters", lambda voter: -voter["negative"]).alias("votes"),
    )
    return ranked(scored, group, item)


def fused_for_customers(lists: DataFrame, settings: RankSettings, probabilities: DataFrame | None = None) -> DataFrame:
    """`fused_lists` of gold.candidates, with the settings' weights."""
    return fused_lists(lists, "user_id", "product_id", settings.constant, settings.weights, probabilities)


def ranked(rows: DataFrame, group: str, item: str) -> DataFrame:
    """`rows` with their rank by descending score, from 1, ties in order of `item`."""
    best_first = Window.partitionBy(group).orderBy(F.desc("score"), F.asc(item))
    return rows.withColumn("rank", F.row_number().over(best_first))


def _weight(weights: Mapping[str, float]) -> Column:
    weight = F.lit(1.0)
    for model, value in sorted(weights.items()):
        weight = F.when(F.col("model") == model, float(value)).otherwise(weight)
    return weight
