"""Which way of making one list out of many is best, found out on an earlier day whose customers have bought since."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.core.model import Silver
from cartograph.rank.fusion.calibrated import chances, models_of
from cartograph.rank.fusion.features import features
from cartograph.rank.fusion.judging import PLAIN, Judgement, Method, judged
from cartograph.rank.fusion.links import Graph
from cartograph.rank.fusion.reciprocal_ranks import FUSED, fused_lists, in_order
from cartograph.rank.fusion.trees import Ranker, Trees, labelled, scored, trained

_PAIR = ["user_id", "product_id"]


@dataclass(frozen=True)
class Votes:
    """How models vote by rank: `fusion.fused_lists`."""

    constant: float
    weights: Mapping[str, float]

    def fused(self, lists: DataFrame, worth: DataFrame | None = None) -> DataFrame:
        """The customers' lists out of `lists`, by reciprocal ranks or by what places are `worth`."""
        return fused_lists(lists, "user_id", "product_id", self.constant, self.weights, worth)


@dataclass(frozen=True)
class Fusion:
    """One way of fusing, and why it is the one.

    Attributes:
        method: rrf, calibrated or learned.
        judgement: what customers said of each whom nothing was learned from; None where nothing could be learned.
        chances: of `calibrated.chances`.
        ranker: of `learned.trained`.
        reason: in words.
    """

    method: Method = PLAIN
    judgement: Judgement | None = None
    chances: DataFrame | None = None
    ranker: Ranker | None = None
    reason: str = ""


def best_fusion(
    lists: DataFrame,
    data: Silver,
    bought: DataFrame,
    as_of: date,
    *,
    votes: Votes,
    trees: Trees,
    k: int,
    graph: Graph | None = None,
) -> Fusion:
    """Reciprocal ranks, or what is surely better at NDCG@k for customers whom nothing was learned from.

    Args:
        lists: gold.candidates of an earlier day.
        data: silver tables before that day.
        bought: user_id, product_id: what customers bought since.
        as_of: that day.
        votes: how models vote.
        trees: how the ranker is trained, and who judges.
        k: length of the lists shown.
        graph: what the graph step made of that day.
    """
    models = models_of(lists, without=[FUSED])
    rows = labelled(features(lists, models, data, as_of, graph), bought, trees).persist()
    learners, judges = rows.where("NOT is_judge"), rows.where("is_judge")
    ranker = trained(learners, trees, k)
    if ranker is None:
        rows.unpersist()
        return Fusion(reason=f"too few customers bought what was listed on {as_of} to learn from them")
    hits = learners.select(*_PAIR, F.col("is_bought").cast("double").alias("hit"))
    worth = chances(lists.where(F.col("model").isin(models)), hits, "user_id", "product_id").localCheckpoint()
    asked = lists.join(judges.select("user_id").distinct(), "user_id", "left_semi")
    lists_by_method: dict[Method, DataFrame] = {
        "rrf": votes.fused(asked),
        "calibrated": votes.fused(asked, worth),
        "learned": in_order(scored(judges, ranker), *_PAIR),
    }
    right = judges.where("is_bought = 1").groupBy("user_id").agg(F.collect_set("product_id").alias("product_ids"))
    judgement = judged(lists_by_method, right, k)
    rows.unpersist()
    return Fusion(judgement.winner, judgement, worth, ranker, judgement.reason)
