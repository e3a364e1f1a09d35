"""What the scores shown consist of: per product a map from names to numbers that sum to the score."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from cartograph.core.contributions import OTHER
from cartograph.rank.fusion.fuse import FusedLists
from cartograph.rank.fusion.ranker import contributions
from cartograph.rank.score_shares import share

BIAS = "bias"  # a ranker's expected score of any candidate
_PAIR = ["user_id", "product_id"]


def with_parts(lists: DataFrame, fused: FusedLists, n_parts: int) -> DataFrame:
    """The lists with parts (map from string to double): numbers that sum to the score.

    Votes by model or, if the ranker made the score, the contributions of its `n_parts` most important features, the sum
    of the `other` ones, and `bias`. Products that are not among the fused candidates have votes.

    Args:
        lists: the lists shown, `as_shares`.
        fused: the candidates they were chosen from.
        n_parts: features named.
    """
    if fused.ranker is None or fused.features is None:
        return lists.withColumn("parts", of_votes())
    shown = fused.features.join(lists.select(*_PAIR), _PAIR, "left_semi")
    explained = lists.join(contributions(shown, fused.ranker), _PAIR, "left")
    shares = F.transform_values("contributions", lambda _, number: share(number, F.col("best")))
    parts = F.coalesce(largest(shares, F.col("score"), n_parts), of_votes())
    return explained.withColumn("parts", parts).drop("contributions")


def of_votes() -> Column:
    """The vote of each model, from models and votes."""
    return F.map_from_arrays("models", "votes")


def largest(contributions: Column, score: Column, k: int) -> Column:
    """The `k` contributions of the largest magnitude, the sum of the rest as `other`, and the remainder as `bias`.

    Args:
        contributions: map from feature to number; its own `bias` is ignored.
        score: what the parts sum to.
        k: see above.
    """
    named = F.filter(F.map_entries(contributions), lambda part: part["key"] != BIAS)
    by_size = F.array_sort(
        F.transform(named, lambda part: F.struct((-F.abs(part["value"])).alias("size"), part["key"].alias("key"),
                                                 part["value"].alias("value")))
    )  # fmt: skip
    kept = F.transform(
        F.slice(by_size, 1, k), lambda part: F.struct(part["key"].alias("key"), part["value"].alias("value"))
    )
    rest = _sum(F.slice(by_size, k + 1, 10_000))
    ends = F.array(_part(BIAS, score - _sum(by_size)), _part(OTHER, rest))
    return F.map_from_entries(F.concat(kept, ends))


def _sum(entries: Column) -> Column:
    return F.aggregate(entries, F.lit(0.0), lambda total, part: total + part["value"])


def _part(name: str, value: Column) -> Column:
    return F.struct(F.lit(name).alias("key"), value.alias("value"))
