"""Which way of making one list out of many is best, found out on an earlier day whose customers have bought since."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.core.metrics import mean_ndcg
from cartograph.core.model import Silver
from cartograph.rank.calibrated import chances, models_of
from cartograph.rank.features import features
from cartograph.rank.fusion import FUSED, fused_lists, in_order
from cartograph.rank.learned import Ranker, Trees, labelled, scored, trained
from cartograph.rank.links import Graph

Method = Literal["rrf", "calibrated", "learned"]
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
    """One way of fusing, and how good each was for customers that nothing was learned from.

    Attributes:
        method: rrf, calibrated or learned.
        ndcg: by method; empty where nothing could be learned.
        chances: of `calibrated.chances`.
        ranker: of `learned.trained`.
    """

    method: Method = "rrf"
    ndcg: Mapping[Method, float] | None = None
    chances: DataFrame | None = None
    ranker: Ranker | None = None


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
    """The method of the highest NDCG@k for customers held back; reciprocal ranks where too few bought what was listed.

    Args:
        lists: gold.candidates of an earlier day.
        data: silver tables before that day.
        bought: user_id, product_id: what customers bought since.
        as_of: that day.
        votes: how models vote.
        trees: how the ranker is trained, and who is held back.
        k: length of the lists shown.
        graph: what the graph step made of that day.
    """
    models = models_of(lists, without=[FUSED])
    rows = labelled(features(lists, models, data, as_of, graph), bought, trees).persist()
    ranker = trained(rows, trees, k)
    if ranker is None:
        rows.unpersist()
        return Fusion()
    teachers, judges = rows.where("NOT is_held_back"), rows.where("is_held_back")
    hits = teachers.select(*_PAIR, F.col("is_bought").cast("double").alias("hit"))
    worth = chances(lists.where(F.col("model").isin(models)), hits, "user_id", "product_id").localCheckpoint()
    asked = lists.join(judges.select("user_id").distinct(), "user_id", "left_semi")
    lists_by_method: dict[Method, DataFrame] = {
        "rrf": votes.fused(asked),
        "calibrated": votes.fused(asked, worth),
        "learned": in_order(scored(judges, ranker), *_PAIR),
    }
    right = judges.where("is_bought = 1").groupBy("user_id").agg(F.collect_set("product_id").alias("product_ids"))
    ndcg = {name: mean_ndcg(found, right, k) for name, found in lists_by_method.items()}
    rows.unpersist()
    best = max(ndcg, key=lambda name: ndcg[name])
    return Fusion(best, ndcg, worth, ranker)
