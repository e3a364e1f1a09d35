"""The customers' lists made one, by the way of fusing that was found best, and what each score is made of."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from cartograph.core.model import Silver
from cartograph.rank.explanation import parts
from cartograph.rank.fusion.calibrated import models_of
from cartograph.rank.fusion.features import features
from cartograph.rank.fusion.links import Graph
from cartograph.rank.fusion.methods import Fusion, Votes
from cartograph.rank.fusion.reciprocal_ranks import FUSED, in_order
from cartograph.rank.fusion.scale import share
from cartograph.rank.fusion.trees import Ranker, contributions, scored

Explain = Callable[[DataFrame], DataFrame]

_PAIR = ["user_id", "product_id"]


def fused_candidates(
    lists: DataFrame,
    data: Silver,
    as_of: date,
    fusion: Fusion,
    votes: Votes,
    n_parts: int,
    graph: Graph | None = None,
) -> tuple[DataFrame, Explain]:
    """One row per customer and product listed by any model, and a function that explains such rows.

    Columns: user_id, product_id, score (0 or more), rank, models and votes, as of `fusion.fused_lists`. The function
    takes some of the rows, their scores `as_shares`, and adds parts (map from string to double): numbers that sum to
    the score, the votes of models or, where the ranker made the score, what each feature adds to it, `bias` being where
    the customer's candidates start from. Rows that are not of these lists have votes.

    Args:
        lists: gold.candidates of `as_of`.
        data: silver tables before `as_of`.
        as_of: the day.
        fusion: the method, and what it learned.
        votes: how models vote.
        n_parts: features that are told apart, the others are summed up.
        graph: what the graph step made of that day.
    """
    if fusion.method == "learned" and fusion.ranker is not None:
        # Features are asked for again when the lists shown are explained.
        told = features(lists, models_of(lists, [FUSED]), data, as_of, graph).localCheckpoint()
        return _by_ranker(lists, told, fusion.ranker, votes, n_parts)
    worth = fusion.chances if fusion.method == "calibrated" else None
    return votes.fused(lists, worth), lambda shown: shown.withColumn("parts", parts.of_votes())


def _by_ranker(
    lists: DataFrame, told: DataFrame, ranker: Ranker, votes: Votes, n_parts: int
) -> tuple[DataFrame, Explain]:
    """By what the ranker says, counted from the weakest of the customer's candidates on: trees know no zero."""
    said = votes.fused(lists).drop("score", "rank").join(scored(told, ranker), _PAIR)
    weakest = F.min("score").over(Window.partitionBy("user_id"))
    ranked = in_order(said.withColumn("score", F.col("score") - weakest), *_PAIR).localCheckpoint()

    def explained(shown: DataFrame) -> DataFrame:
        adds = contributions(told.join(shown.select(*_PAIR), _PAIR, "left_semi"), ranker)
        known = shown.join(adds, _PAIR, "left")
        shares = F.transform_values("contributions", lambda _, number: share(number, F.col("best")))
        largest = parts.largest(shares, F.col("score"), n_parts)
        return known.withColumn("parts", F.coalesce(largest, parts.of_votes())).drop("contributions")

    return ranked, explained
