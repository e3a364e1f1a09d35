"""One list out of many: reciprocal rank fusion (Cormack, Clarke and Büttcher 2009), or sums of calibrated chances."""

from __future__ import annotations

from collections.abc import Mapping

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

FUSED = "fused"


def fused_lists(
    lists: DataFrame,
    group: str,
    item: str,
    constant: float,
    weights: Mapping[str, float],
    chances: DataFrame | None = None,
) -> DataFrame:
    """One row per `group` and `item` that any model listed: score = sum over models of their votes.

    A vote is weight / (constant + rank), or weight x chance where `chances` are given. Only ranks count, so models
    whose scores have nothing in common can vote together. A model not named in `weights` weighs 1; one that weighs 0
    has no vote. Lists of the model `fused`, the result of an earlier fusion, are left out.

    Columns: `group`, `item`, score, rank (from 1, equal scores in order of `item`), models array<string> (the voters,
    the weightiest first), votes array<double> (of the voters; they sum to the score).

    Args:
        lists: model, `group`, `item`, rank.
        group: the column that names a list, `user_id` or `product_id`.
        item: the column that names what is listed.
        constant: the larger, the less the first places outweigh the later ones.
        weights: of models.
        chances: model, rank, chance, of `calibrated.chances`; a model that it does not know has no vote.
    """
    worth: Column = 1.0 / (F.lit(float(constant)) + F.col("rank"))
    cast = lists.where(F.col("model") != FUSED)
    if chances is not None:
        cast, worth = cast.join(F.broadcast(chances), ["model", "rank"]), F.col("chance")
    votes = cast.withColumn("vote", _weight(weights) * worth).where(_weight(weights) > 0)
    # Sorted before they are added: the sum, and with it every tie, is the same in every run.
    weightiest_first = F.sort_array(F.collect_list(F.struct((-F.col("vote")).alias("negative"), "model")))
    voters = votes.groupBy(group, item).agg(weightiest_first.alias("voters"))
    score = F.aggregate("voters", F.lit(0.0), lambda total, voter: total - voter["negative"])
    told = voters.select(
        group,
        item,
        score.alias("score"),
        F.col("voters.model").alias("models"),
        F.transform("voters", lambda voter: -voter["negative"]).alias("votes"),
    )
    return in_order(told, group, item)


def in_order(rows: DataFrame, group: str, item: str) -> DataFrame:
    """`rows` with their rank by falling score, from 1, equal scores in order of `item`."""
    best_first = Window.partitionBy(group).orderBy(F.desc("score"), F.asc(item))
    return rows.withColumn("rank", F.row_number().over(best_first))


def _weight(weights: Mapping[str, float]) -> Column:
    weight = F.lit(1.0)
    for model, value in sorted(weights.items()):
        weight = F.when(F.col("model") == model, float(value)).otherwise(weight)
    return weight
