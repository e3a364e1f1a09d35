"""Factors as rows of gold.factors: both sides in one table, each row with the fit that it goes back to."""

from __future__ import annotations

from datetime import date

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

_SIDES = {"user_id": "user", "product_id": "product"}


def factor_table(
    users: DataFrame, products: DataFrame, fitted_as_of: date | None, events_version: int | None
) -> DataFrame:
    """One row per customer and product: side, id, vector, fitted_as_of, events_version.

    Args:
        users: user_id, vector.
        products: product_id, vector.
        fitted_as_of: day of the fit that the factors are of, or that they were solved against.
        events_version: version of silver.events that was read.
    """
    parts = [
        factors.select(F.lit(side).alias("side"), F.col(column).alias("id"), "vector")
        for factors, (column, side) in zip((users, products), _SIDES.items(), strict=True)
    ]
    return (
        parts[0]
        .unionByName(parts[1])
        .withColumn("fitted_as_of", F.lit(fitted_as_of).cast("date"))
        .withColumn("events_version", F.lit(events_version).cast("long"))
    )


def side_of(factors: DataFrame, column: str) -> DataFrame:
    """The factors of one side: `column` (user_id or product_id), vector."""
    return factors.where(F.col("side") == _SIDES[column]).select(F.col("id").alias(column), "vector")
