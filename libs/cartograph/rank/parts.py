"""What a candidate's score is made of, as a map from names to numbers that sum to it."""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F

from cartograph.core.contributions import OTHER


def of_votes() -> Column:
    """The vote of each model, from models and votes."""
    return F.map_from_arrays("models", "votes")


def largest(parts: Column, k: int) -> Column:
    """The `k` numbers farthest from 0 and `bias`, the rest summed up as `other`."""
    bias = F.filter(F.map_entries(parts), lambda part: part["key"] == "bias")
    named = F.filter(F.map_entries(parts), lambda part: part["key"] != "bias")
    by_size = F.array_sort(
        F.transform(named, lambda part: F.struct((-F.abs(part["value"])).alias("size"), part["key"].alias("key"),
                                                 part["value"].alias("value")))
    )  # fmt: skip
    kept = F.transform(
        F.slice(by_size, 1, k), lambda part: F.struct(part["key"].alias("key"), part["value"].alias("value"))
    )
    rest = F.aggregate(F.slice(by_size, k + 1, 10_000), F.lit(0.0), lambda total, part: total + part["value"])
    other = F.array(F.struct(F.lit(OTHER).alias("key"), rest.alias("value")))
    return F.map_from_entries(F.concat(bias, kept, other))
