"""What a frame holds, found before it is written: rows, equality, broken constraints, repeated keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from cartograph.core.tables.definition import Table
from cartograph.runtime.conditions import Partition, each, is_one_of


@dataclass(frozen=True)
class Fingerprint:
    """Number of rows and two sums of 64-bit hashes over them; the order of the rows does not matter."""

    rows: int
    first: int
    second: int


@dataclass(frozen=True)
class Survey:
    """What `survey` found: the rows' fingerprint, the old rows' one, and the constraints broken, as text.

    `parts` counts the rows per value of the partition column that names several values; empty without one.
    """

    content: Fingerprint
    old: Fingerprint | None
    problems: list[str]
    parts: dict[str, int] = field(default_factory=dict)


def survey(
    frame: DataFrame, table: Table, partition: Partition, old: DataFrame | None = None, check_keys: bool = True
) -> Survey:
    """The fingerprint of `frame` and every constraint of `table` it breaks, beside the fingerprint of `old` rows.

    One query, and not one that knows the frame by a name: when a view of a frame is dropped, Spark forgets that the
    frame is persisted, and the write would compute its rows again.

    A problem says the constraint, how many rows break it and the key of one of them. As in Delta, a CHECK that comes
    out null is broken. A repeated key is a problem if `check_keys`, which takes a shuffle of the rows.
    """
    rules, parts = _rules(table, partition), _parts(partition)
    asked = _of_new_rows(frame, table, [broken for _, broken in rules], list(parts.values()), check_keys)
    if old is not None:
        asked = asked.union(_of_old_rows(old, len(rules), len(parts)))
    rows = asked.collect()  # one or two
    found = {row["is_new"]: row for row in rows}
    new = found[True]
    counts = zip((rule for rule, _ in rules), new["n_broken"], new["examples"], strict=True)
    problems = [f"{rule}: {n:,} rows, such as {example}" for rule, n, example in counts if n]
    if not problems and new["repeated"]:
        problems = [f"the key is repeated: {new['repeated']['key']} ({new['repeated']['n']} rows)"]
    n_rows = dict(zip(parts, new["parts"], strict=True))
    return Survey(_fingerprint(new), _fingerprint(found[False]) if old is not None else None, problems, n_rows)


def differing(rows: DataFrame, old: DataFrame, key: Sequence[str], insert_only: bool) -> DataFrame:
    """The rows whose key is not in `old` or, unless `insert_only`, whose other columns differ from those in `old`."""
    if insert_only:
        return rows.join(old.select(*key), list(key), "left_anti").select(*rows.columns)
    hashed = F.expr(_row_hash(rows.schema))
    known = old.select(*key, hashed.alias("_old_hash"))
    new = rows.withColumn("_new_hash", hashed).join(known, list(key), "left")
    return new.filter(~F.col("_new_hash").eqNullSafe(F.col("_old_hash"))).select(*rows.columns)


def _of_new_rows(
    rows: DataFrame, table: Table, broken: Sequence[str], parts: Sequence[str], check_keys: bool
) -> DataFrame:
    """One row about `rows`: is_new, n, first, second (see `Fingerprint`), n_broken and examples per rule, repeated.

    And `parts`: the number of rows that satisfy each of these conditions.
    """
    named = ", ', ', ".join(f"'{name}=', coalesce(cast(`{name}` AS string), 'null')" for name in table.key)
    hashed = rows.selectExpr("*", f"{_row_hash(rows.schema)} AS _hash", f"concat({named}) AS _key")
    summed = ["count(*) AS n", *_SUMS, "max(_key) AS _key"]
    for i, rule in enumerate(broken):
        summed += [f"count_if({rule}) AS n_{i}", f"max(CASE WHEN {rule} THEN _key END) AS e_{i}"]
    summed += [f"count_if({part}) AS p_{i}" for i, part in enumerate(parts)]
    per_key = hashed.groupBy(*table.key).agg(*map(F.expr, summed)) if check_keys else hashed.selectExpr(*summed)
    return per_key.selectExpr(
        "true AS is_new",
        "coalesce(sum(n), 0L) AS n",
        "sum(first) AS first",
        "sum(second) AS second",
        f"array({', '.join(f'coalesce(sum(n_{i}), 0L)' for i in range(len(broken)))}) AS n_broken",
        f"array({', '.join(f'max(e_{i})' for i in range(len(broken)))}) AS examples",
        f"{_REPEATED if check_keys else _NO_KEY} AS repeated",
        f"array({', '.join(f'coalesce(sum(p_{i}), 0L)' for i in range(len(parts)))}) AS parts",
    )


def _of_old_rows(old: DataFrame, n_rules: int, n_parts: int) -> DataFrame:
    """The same row about `old`, which breaks nothing."""
    return old.selectExpr(f"{_row_hash(old.schema)} AS _hash").selectExpr(
        "false AS is_new",
        "count(*) AS n",
        *_SUMS,
        f"array_repeat(0L, {n_rules}) AS n_broken",
        f"array_repeat(cast(null AS string), {n_rules}) AS examples",
        f"{_NO_KEY} AS repeated",
        f"array_repeat(0L, {n_parts}) AS parts",
    )


_SUMS = ("sum(cast(_hash AS decimal(20,0))) AS first", "sum(cast(xxhash64(_hash) AS decimal(20,0))) AS second")
_REPEATED = "max(CASE WHEN n > 1 THEN struct(_key AS key, n AS n) END)"
_NO_KEY = "cast(null AS struct<key: string, n: bigint>)"


def _rules(table: Table, partition: Partition) -> list[tuple[str, str]]:
    """What every row must satisfy: its text, and the condition that is true where a row does not."""
    required = dict.fromkeys((*table.key, *table.required))
    rules = [(f"NOT NULL {name}", f"`{name}` IS NULL") for name in required]
    rules += [(f"CHECK {name} ({sql})", f"NOT coalesce({sql}, false)") for name, sql in table.checks]
    rules += [
        (
            f"partition {name} = {' or '.join(map(str, each(value)))}",
            f"NOT coalesce({is_one_of(name, value)}, false)",
        )
        for name, value in partition.items()
    ]
    return rules


def _parts(partition: Partition) -> dict[str, str]:
    """The condition on the rows of each value, where a column of the partition names several."""
    several = [(name, value) for name, value in partition.items() if isinstance(value, tuple)]
    return {str(one): is_one_of(name, one) for name, values in several for one in values}


def _row_hash(schema: T.StructType) -> str:
    return f"xxhash64({', '.join(part for field in schema for part in _hashable(field))})"


def _hashable(field: T.StructField) -> list[str]:
    """What to hash of a column: Spark's hash skips nulls and cannot take maps, so nulls and lengths count, too."""
    name = f"`{field.name}`"
    if isinstance(field.dataType, T.MapType):
        return [f"array_sort(map_entries({name}))", f"{name} IS NULL"]
    if isinstance(field.dataType, T.ArrayType):
        return [name, f"size({name})", f"{name} IS NULL"]
    return [name, f"{name} IS NULL"]


def _fingerprint(row: Any) -> Fingerprint:
    return Fingerprint(row["n"], int(row["first"] or 0), int(row["second"] or 0))
