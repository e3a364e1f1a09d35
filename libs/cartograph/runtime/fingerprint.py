"""Whether two frames hold the same rows, and whether a key is unique: one aggregate each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T


@dataclass(frozen=True)
class Fingerprint:
    """Number of rows and two independent 64-bit hash sums over them; the order of the rows does not matter."""

    rows: int
    first: int
    second: int


def fingerprint(frame: DataFrame) -> Fingerprint:
    """The fingerprint of `frame`: one pass over all of its columns, nothing is shuffled but three numbers."""
    parts = [part for field in frame.schema for part in _hashable(field)]
    row = frame.agg(
        F.count(F.lit(1)),
        F.sum(F.xxhash64(*parts).cast("decimal(20,0)")),
        F.sum(F.xxhash64(F.lit("second"), *parts).cast("decimal(20,0)")),
    ).head()
    assert row is not None
    return Fingerprint(row[0], int(row[1] or 0), int(row[2] or 0))


def _hashable(field: T.StructField) -> list[Column]:
    """What to hash of a column: Spark's hash skips nulls and cannot take maps, so nulls and lengths are told apart."""
    column = F.col(f"`{field.name}`")
    if isinstance(field.dataType, T.MapType):
        return [F.array_sort(F.map_entries(column)), column.isNull()]
    if isinstance(field.dataType, T.ArrayType):
        return [column, F.size(column), column.isNull()]
    return [column, column.isNull()]


def duplicated_keys(frame: DataFrame, key: Sequence[str], n: int = 3) -> list[str]:
    """Up to `n` keys that more than one row of `frame` has, as text. Shuffles the key columns once."""
    doubled = frame.groupBy(*key).count().filter("count > 1").limit(n).collect()
    return [", ".join(f"{name}={row[name]!r}" for name in key) + f" ({row['count']} rows)" for row in doubled]
