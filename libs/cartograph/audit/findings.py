"""What the audit finds: one row per table and check."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from cartograph.core.errors import UserError
from cartograph.core.tables.schema import table


class Leak(UserError):
    """A partition contains something from its own day or later."""


@dataclass(frozen=True)
class Finding:
    """The number of rows of a table that were checked and that leak, with one of the leaks as text."""

    table: str
    check: str
    n_checked: int
    n_leaked: int
    example: str | None


@dataclass(frozen=True)
class Sources:
    """The tables that everything is recomputed from, rows of all days; None for those that were not written.

    `users` come from sources that describe customers, `raw_products` are bronze.products, `exposures` the lists shown
    in experiments, `listings` the catalogues.
    """

    events: DataFrame
    baskets: DataFrame
    products: DataFrame
    users: DataFrame | None = None
    raw_products: DataFrame | None = None
    exposures: DataFrame | None = None
    listings: DataFrame | None = None


def summary(rows: DataFrame, name: str, check: str, is_leak: Column, example: Column) -> DataFrame:
    """One row: table, check, n_checked, n_leaked, example (the first leak as text), id (null).

    Args:
        rows: the rows that are checked.
        name: name of the table.
        check: name of the check.
        is_leak: whether a row leaks.
        example: a leak as text.
    """
    return rows.agg(
        F.lit(name).alias("table"),
        F.lit(check).alias("check"),
        F.count(F.lit(1)).alias("n_checked"),
        F.count_if(F.coalesce(is_leak, F.lit(False))).alias("n_leaked"),
        F.min(F.when(is_leak, example)).alias("example"),
        F.lit(None).cast("string").alias("id"),
    )


def key_text(name: str) -> Column:
    """The key of a row of table `name` as `model=als, user_id=u1, rank=3`."""
    columns = [column for column in table(name).key if column != "as_of"]
    return F.concat_ws(", ", *[F.concat(F.lit(f"{column}="), F.col(column).cast("string")) for column in columns])
