"""What a frame holds, found before it is written: rows, equality, broken constraints, repeated keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pyspark.sql import Column, DataFrame, Row
from pyspark.sql import functions as F
from pyspark.sql import types as T

from cartograph.core.tables.schema import Table

_IS_NEW = "_is_new"


@dataclass(frozen=True)
class Fingerprint:
    """Number of rows and two sums of 64-bit hashes over them; the order of the rows does not matter."""

    rows: int
    first: int
    second: int


@dataclass(frozen=True)
class Survey:
    """What `survey` found: the rows' fingerprint, the old rows' one, and the constraints broken, as text."""

    content: Fingerprint
    old: Fingerprint | None
    problems: list[str]


def survey(frame: DataFrame, table: Table, partition: dict[str, Any], old: DataFrame | None = None) -> Survey:
    """The fingerprint of `frame` and every constraint of `table` it breaks, beside the fingerprint of `old` rows.

    All in one pass: a query of its own for each would cost more than small tables take to read. A problem says the
    constraint, how many rows break it and the key of one of them. As in Delta, a CHECK that comes out null is broken.
    """
    rules = _rules(table, partition)
    key = F.concat_ws(", ", *[F.concat(F.lit(f"{name}="), _text(name)) for name in table.key])
    rows, is_new = frame.withColumn(_IS_NEW, F.lit(True)), F.col(_IS_NEW)
    if old is not None:
        rows = rows.unionByName(old.select(*frame.columns, F.lit(False).alias(_IS_NEW)))
    found = [column for _, broken in rules for column in _offenders(is_new & broken, key)]
    hashed = _row_hash(frame.schema)
    row = _only_row(rows.agg(*_sums(hashed, is_new), *_sums(hashed, ~is_new), *found))
    counts = zip((text for text, _ in rules), row[6::2], row[7::2], strict=True)
    problems = [f"{text}: {n:,} rows, such as {example}" for text, n, example in counts if n]
    return Survey(_fingerprint(row), _fingerprint(row[3:]) if old is not None else None, problems)


def duplicated_keys(frame: DataFrame, key: Sequence[str], n: int = 3) -> list[str]:
    """Up to `n` keys that more than one row of `frame` has, as text. Shuffles the key columns once."""
    doubled = frame.groupBy(*key).agg(F.count(F.lit(1)).alias("n_rows")).filter("n_rows > 1").limit(n).collect()
    return [", ".join(f"{name}={row[name]}" for name in key) + f" ({row['n_rows']} rows)" for row in doubled]


def differing(rows: DataFrame, old: DataFrame, key: Sequence[str], insert_only: bool) -> DataFrame:
    """The rows whose key is not in `old` or, unless `insert_only`, whose other columns differ from those in `old`."""
    if insert_only:
        return rows.join(old.select(*key), list(key), "left_anti").select(*rows.columns)
    hashed = [_row_hash(frame.schema) for frame in (rows, old)]
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


def _offenders(broken: Column, key: Column) -> tuple[Column, Column]:
    """How many rows break a rule, and the key of one."""
    return F.count_if(broken), F.max(F.when(broken, key))


def _row_hash(schema: T.StructType) -> Column:
    return F.xxhash64(*[part for field in schema for part in _hashable(field)])


def _sums(row: Column, counts: Column) -> list[Column]:
    """Number of rows that count, and two sums over them: of a row's hash, and of a hash of that hash."""
    hashes = (F.when(counts, hashed.cast("decimal(20,0)")) for hashed in (row, F.xxhash64(row)))
    return [F.count_if(counts), *map(F.sum, hashes)]


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


def _fingerprint(row: Sequence[Any]) -> Fingerprint:
    return Fingerprint(row[0], int(row[1] or 0), int(row[2] or 0))
