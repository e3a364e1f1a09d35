"""Which rows of a table are meant: those before a day, those of a partition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from pyspark.sql import Column
from pyspark.sql import functions as F

_INSTANTS = ("event_at", "ordered_at", "exposed_at", "stated_at", "first_seen_at")


def before(columns: Sequence[str], as_of: date) -> Column:
    """True for rows known before `as_of` 00:00 UTC; with a column as_of, for the rows of that day.

    A row whose first_seen_at is unknown counts as always there: nothing says that it came later.
    """
    if "as_of" in columns:
        return F.col("as_of") == F.lit(as_of)
    instant = next((name for name in _INSTANTS if name in columns), None)
    if instant is None:
        return F.lit(True)
    known = F.col(instant) < F.lit(datetime(as_of.year, as_of.month, as_of.day, tzinfo=UTC))
    return known | F.col(instant).isNull() if instant == "first_seen_at" else known


Partition = Mapping[str, Any]  # a value, or a tuple of values, by column


def within(partition: Partition) -> Column:
    """True for rows of the partition; for all rows when it names no column."""
    condition = F.lit(True)
    for column, value in partition.items():
        condition = condition & F.col(column).isin(*each(value))
    return condition


def as_sql(partition: Partition) -> str:
    """The partition as SQL: `as_of` = '2011-11-01' AND `model` IN ('als', 'swing')."""
    return " AND ".join(is_one_of(column, value) for column, value in partition.items())


def is_one_of(column: str, value: Any) -> str:
    """SQL that is true where the column has the value, or one of a tuple of values."""
    if isinstance(value, tuple):
        return f"`{column}` IN ({', '.join(map(quoted, value))})"
    return f"`{column}` = {quoted(value)}"


def each(value: Any) -> tuple[Any, ...]:
    """The values that one value or a tuple stands for."""
    return value if isinstance(value, tuple) else (value,)


def quoted(value: Any) -> str:
    """A value of a partition column as SQL: text is compared with what it means for the column's type."""
    return "'" + str(value).replace("\\", "\\\\").replace("'", "\\'") + "'"
