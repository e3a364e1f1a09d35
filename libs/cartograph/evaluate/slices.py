"""Slices by category and by customer segment: the largest few."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F


def largest(members: DataFrame, by: str, n: int, weight: str | None = None) -> DataFrame:
    """The members of the `n` largest groups, with all columns and slice (`category=Kitchen`).

    Args:
        members: one row per product or customer; `by` is null for those in no group.
        by: column that names the group.
        n: groups kept.
        weight: column with the weight of a member; None: 1 each.
    """
    named = members.where(F.col(by).isNotNull())
    size = F.count(F.lit(1)) if weight is None else F.sum(weight)
    kept = named.groupBy(by).agg(size.alias("size")).orderBy(F.desc("size"), by).limit(n).select(by)
    return named.join(F.broadcast(kept), by).withColumn("slice", F.concat(F.lit(f"{by}="), by))
