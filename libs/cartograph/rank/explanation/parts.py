"""What a candidate's score is made of, as a map from names to numbers that sum to it."""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F

from cartograph.core.contributions import OTHER

BIAS = "bias"  # what a ranker says of any candidate


def of_votes() -> Column:
    """The vote of each model, from models and votes."""
    return F.map_from_arrays("models", "votes")


def largest(adds: Column, score: Column, k: int) -> Column:
    """The `k` numbers farthest from 0, the rest summed up as `other`, and `bias`: what all of them leave of the score.

    Args:
        adds: map from feature to what it adds; its own `bias` is not looked at.
        score: what the parts sum to.
        k: see above.
    """
    named = F.filter(F.map_entries(adds), lambda part: part["key"] != BIAS)
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
