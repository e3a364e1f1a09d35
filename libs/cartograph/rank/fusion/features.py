"""The features of the learned ranker, one row per candidate: votes of models, behaviour, affinity."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from cartograph.rank.day import Day
from cartograph.rank.fusion.affinity_features import with_affinities
from cartograph.rank.fusion.behaviour_features import customer_features, pair_features, product_features
from cartograph.rank.fusion.reciprocal_ranks import FUSED

_PAIR = ["user_id", "product_id"]
_CONSTANT = 60.0  # of the reciprocal ranks


def features(day: Day, models: Sequence[str]) -> DataFrame:
    """One row per customer and product listed by one of `models`: user_id, product_id and features, null if unknown.

    Features: those of `vote_features`, of `behaviour_features` and of `affinity_features`, and the log price ratio
    pair_price (product_price - customer_price).

    Args:
        day: the day of the lists, which ages are counted from.
        models: models whose lists are used.
    """
    events, as_of = day.data.events, day.as_of
    candidates = with_affinities(vote_features(day.lists, models), day)
    joined = (
        candidates.join(product_features(events, as_of), "product_id", "left")
        .join(customer_features(events, as_of), "user_id", "left")
        .join(pair_features(events, as_of), _PAIR, "left")
        .withColumn("pair_price", F.col("product_price") - F.col("customer_price"))
    )
    numbers = [F.col(name).cast("float").alias(name) for name in joined.columns if name not in _PAIR]
    return joined.select(*_PAIR, *numbers)


def models_of(lists: DataFrame) -> list[str]:
    """The models that made these lists, in order of name, without an earlier fusion."""
    rows = lists.where(F.col("model") != FUSED).select("model").distinct().collect()  # a handful
    return sorted(row.model for row in rows)


def vote_features(lists: DataFrame, models: Sequence[str]) -> DataFrame:
    """One row per customer and product, with the votes of all models side by side.

    Raw scores are left out: their scale may change whenever a model is fitted again.

    Columns: user_id, product_id, votes (number of models that list it), votes_reciprocal (sum of 1 / (60 + rank)), and
    per model `<model>_rank` and `<model>_share` (score as a share of the best score of the customer's list).
    """
    used = lists.where(F.col("model").isin(*models))
    best = used.groupBy("user_id", "model").agg(F.max("score").alias("best"))
    shared = used.join(best, ["user_id", "model"]).withColumn(
        "share", F.col("score") / F.abs(F.nullif("best", F.lit(0.0)))
    )
    per_model = [_of(model, column) for model in models for column in ("rank", "share")]
    return shared.groupBy(*_PAIR).agg(
        F.count(F.lit(1)).alias("votes"),
        F.sum(1.0 / (_CONSTANT + F.col("rank"))).alias("votes_reciprocal"),
        *per_model,
    )


def _of(model: str, column: str) -> Column:
    """The value of `column` in the list of `model`."""
    return F.max(F.when(F.col("model") == model, F.col(column))).alias(f"{model}_{column}")
