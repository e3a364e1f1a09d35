"""One row of numbers per candidate: what each model says of it, and what is known of customer and product."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from cartograph.core.model import Silver
from cartograph.rank.fusion.knowledge import customer_facts, pair_facts, product_facts
from cartograph.rank.fusion.links import Graph, linked

_PAIR = ["user_id", "product_id"]
_CONSTANT = 60.0  # of the reciprocal ranks


def features(
    lists: DataFrame, models: Sequence[str], data: Silver, as_of: date, graph: Graph | None = None
) -> DataFrame:
    """One row per customer and product that one of `models` lists: user_id, product_id, and numbers, null if unknown.

    Columns beyond the two: those of `votes`, of `facts` and of `links`, and product_price less customer_price as
    pair_price.

    Args:
        lists: model, user_id, product_id, rank, score.
        models: whose lists count.
        data: silver tables before `as_of`.
        as_of: the day that ages are counted from.
        graph: what the graph step made of that day.
    """
    asked = linked(votes(lists, models), data, graph or Graph())
    joined = (
        asked.join(product_facts(data.events, as_of), "product_id", "left")
        .join(customer_facts(data.events, as_of), "user_id", "left")
        .join(pair_facts(data.events, as_of), _PAIR, "left")
        .withColumn("pair_price", F.col("product_price") - F.col("customer_price"))
    )
    numbers = [F.col(name).cast("float").alias(name) for name in joined.columns if name not in _PAIR]
    return joined.select(*_PAIR, *numbers)


def votes(lists: DataFrame, models: Sequence[str]) -> DataFrame:
    """One row per customer and product: what each model says, side by side.

    Scores themselves are left out: they may mean something else the next time a model is fitted.

    Columns: user_id, product_id, votes (models that list it), votes_reciprocal (sum of 1 / (60 + rank)), and per model
    `<model>_rank` and `<model>_share` (of the best score of the customer's list).
    """
    named = lists.where(F.col("model").isin(*models))
    best = named.groupBy("user_id", "model").agg(F.max("score").alias("best"))
    shared = named.join(best, ["user_id", "model"]).withColumn(
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
