"""Rows of a frame as the plain values that a page holds: capped lists, never more than a page can hold."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

Values = dict[str, Any]


def rows_of(frame: DataFrame) -> list[Values]:
    """The rows as plain values; the caller has limited their number."""
    return [_plain(row.asDict(recursive=True)) for row in frame.collect()]


def newest_before(rows: DataFrame, as_of: date) -> DataFrame:
    """The rows of the newest day before `as_of`."""
    earlier = rows.where(F.col("as_of") < F.lit(as_of))
    return earlier.join(F.broadcast(earlier.agg(F.max("as_of").alias("as_of"))), "as_of")


def _plain(value: Any) -> Any:
    """Days and instants as ISO text, everything else as it is."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if isinstance(value, datetime):
        return value.date().isoformat()
    return value.isoformat() if isinstance(value, date) else value
