"""The customers' lists of all models fused into one, by the method that was learned or configured."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from cartograph.rank.day import Day
from cartograph.rank.fusion.features import features, models_of
from cartograph.rank.fusion.learning import Fusion
from cartograph.rank.fusion.ranker import Ranker, scored
from cartograph.rank.fusion.reciprocal_ranks import fused_for_customers, ranked
from cartograph.rank.settings import RankSettings

_PAIR = ["user_id", "product_id"]


@dataclass(frozen=True)
class FusedLists:
    """The fused candidates, and what their scores can be explained by.

    Attributes:
        lists: one row per customer and product listed by any model: user_id, product_id, score (0 or more), rank,
            models and votes, as of `fused_lists`.
        features: features of these candidates, if the ranker made the scores.
        ranker: the ranker, if it made the scores.
    """

    lists: DataFrame
    features: DataFrame | None = None
    ranker: Ranker | None = None


def fuse(day: Day, fusion: Fusion, settings: RankSettings) -> FusedLists:
    """The fused candidates of all customers.

    Args:
        day: the day of the lists.
        fusion: the method, and what it learned.
        settings: of the step.
    """
    if fusion.method != "learned" or fusion.ranker is None:
        probabilities = fusion.probabilities if fusion.method == "calibrated" else None
        return FusedLists(fused_for_customers(day.lists, settings, probabilities))
    # A checkpoint, because the features are read again when the scores are explained.
    found = features(day, models_of(day.lists)).localCheckpoint()
    voted = fused_for_customers(day.lists, settings).drop("score", "rank").join(scored(found, fusion.ranker), _PAIR)
    # The ranker's scores have no natural zero: they count from the customer's lowest one.
    lowest = F.min("score").over(Window.partitionBy("user_id"))
    lists = ranked(voted.withColumn("score", F.col("score") - lowest), *_PAIR).localCheckpoint()
    return FusedLists(lists, found, fusion.ranker)
