"""What a frame holds, found before it is written: rows, equality, broken constraints, repeated keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pyspark.sql import Column, DataFrame, Row
from pyspark.sql import functions as F
from pyspark.sql import types as T

from cartograph.core.schema import Table


@dataclass(frozen=True)
class Fingerprint:
    """Number of rows and two 64-bit hash sums over them; the order of the rows does not matter."""

    rows: int
    first: int
    second: int


def fingerprint(frame: DataFrame) -> Fingerprint:
    """The fingerprint of `frame`: one pass over all columns, nothing is shuffled but three numbers a task."""
    return _fingerprint(_only_row(frame.agg(*_sums(frame.schema))))


def survey(frame: DataFrame, table: Table, partition: dict[str, Any]) -> tuple[Fingerprint, list[str]]:
    """The fingerprint of `frame` and every constraint of `table` it breaks, in the same single pass.

    A problem says the constraint, how many rows break it and the key of one of them. As in Delta, a CHECK that
    comes out null is broken.
    """
    rules = _rules(table, partition)
    key = F.concat_ws(", ", *[F.concat(F.lit(f"{name}="), _text(name)) for name in table.key])
    found: list[Column] = []
    for _, broken in rules:
        found += [F.count_if(broken), F.max(F.when(broken, key))]
    row = _only_row(frame.agg(*_sums(frame.schema), *found))
    counts = [(rules[i][0], row[3 + 2 * i], row[4 + 2 * i]) for i in range(len(rules))]
    problems = [f"{text}: {n:,} rows, such as {example}" for text, n, example in counts if n]
    return _fingerprint(row), problems


def duplicated_keys(frame: DataFrame, key: Sequence[str], n: int = 3) -> list[str]:
    """Up to `n` keys that more than one row of `frame` has, as text. Shuffles the key columns once."""
    doubled = frame.groupBy(*key).agg(F.count(F.lit(1)).alias("n_rows")).filter("n_rows > 1").limit(n).collect()
    return [", ".join(f"{name}={row[name]}" for name in key) + f" ({row['n_rows']} rows)" for row in doubled]


def differing(rows: DataFrame, old: DataFrame, key: Sequence[str], insert_only: bool) -> DataFrame:
    """The rows whose key is not in `old` or, unless `insert_only`, whose other columns differ from those in `old`."""
    if insert_only:
        return rows.join(old.select(*key), list(key), "left_anti").select(*rows.columns)
    hashed = [F.xxhash64(*[part for field in frame.schema for part in _hashable(field)]) for frame in (rows, old)]
    known = old.select(*key, hashed[1].alias("_old_hash"))
    new = rows.withColumn("_new_hash", hashed[0]).join(known, list(key), "left")
    return new.filter(~F.col("_new_hash").eqNullSafe(F.col("_old_hash"))).select(*rows.columns)


def _rules(table: Table, partition: dict[str, Any]) -> list[tuple[str, Column]]:
    """What every row must satisfy: its text, and the column that is true where a row does not."""
    rules = [(f"NOT NULL {name}", F.col(name).isNull()) for name in dict.fromkeys((*table.key, *table.required))]
    rules += [(f"CHECK {name} ({sql})", ~F.coalesce(F.expr(sql), F.lit(False))) for name, sql in table.checks]
    rules += [
        (f"partition {name} = {value}", ~F.col(name).eqNullSafe(F.lit(value))) for name, value in partition.items()
    ]
    return rules


def _sums(schema: T.StructType) -> list[Column]:
    """Number of rows, and two sums over them: of a hash of each row, and of a hash of that hash."""
    row = F.xxhash64(*[part for field in schema for part in _hashable(field)])
    return [F.count(F.lit(1)), *(F.sum(hashed.cast("decimal(20,0)")) for hashed in (row, F.xxhash64(row)))]


def _hashable(field: T.StructField) -> list[Column]:
    """What to hash of a column: Spark's hash skips nulls and cannot take maps, so nulls and lengths are told apart."""
    column = F.col(f"`{field.name}`")
    if isinstance(field.dataType, T.MapType):
        return [F.array_sort(F.map_entries(column)), column.isNull()]
    if isinstance(field.dataType, T.ArrayType):
        return [column, F.size(column), column.isNull()]
    return [column, column.isNull()]


def _text(name: str) -> Column:
    return F.coalesce(F.col(f"`{name}`").cast("string"), F.lit("null"))


def _only_row(frame: DataFrame) -> Row:
    row = frame.head()
    assert row is not None  # an aggregate without groups has exactly one row
    return row


def _fingerprint(row: Row) -> Fingerprint:
    return Fingerprint(row[0], int(row[1] or 0), int(row[2] or 0))
