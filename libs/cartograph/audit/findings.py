"""What the leak audit finds: one row per table and thing looked at."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from cartograph.core.errors import UserError
from cartograph.core.tables.schema import table


class Leak(UserError):
    """Something in a partition comes from its own day or later."""


@dataclass(frozen=True)
class Finding:
    """How many rows of a table were looked at for one thing, how many leak, and one of those in words."""

    table: str
    check: str
    n_checked: int
    n_leaked: int
    example: str | None


@dataclass(frozen=True)
class Sources:
    """The tables that everything is recomputed from, rows of all days.

    `users` is None where no source tells about customers, `facts` (bronze.products) where products come from nowhere
    but silver, `exposures` where nothing was shown in an experiment, `listings` where there is no catalogue.
    """

    events: DataFrame
    baskets: DataFrame
    products: DataFrame
    users: DataFrame | None = None
    facts: DataFrame | None = None
    exposures: DataFrame | None = None
    listings: DataFrame | None = None


def summary(rows: DataFrame, name: str, check: str, is_leak: Column, told: Column) -> DataFrame:
    """One row: table, check, n_checked, n_leaked, example (what is told of the first leak), id (null).

    Args:
        rows: what is looked at.
        name: of the table.
        check: what is looked for.
        is_leak: of a row.
        told: a leak in words.
    """
    return rows.agg(
        F.lit(name).alias("table"),
        F.lit(check).alias("check"),
        F.count(F.lit(1)).alias("n_checked"),
        F.count_if(F.coalesce(is_leak, F.lit(False))).alias("n_leaked"),
        F.min(F.when(is_leak, told)).alias("example"),
        F.lit(None).cast("string").alias("id"),
    )


def key_text(name: str) -> Column:
    """The key of a row of table `name` as `model=als, user_id=u1, rank=3`."""
    columns = [column for column in table(name).key if column != "as_of"]
    return F.concat_ws(", ", *[F.concat(F.lit(f"{column}="), F.col(column).cast("string")) for column in columns])
