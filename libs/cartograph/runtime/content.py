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

    One query, handed over as one text: a query for each, built column by column, would cost more than small tables take
    to read. A problem says the constraint, how many rows break it and the key of one of them. As in Delta, a CHECK that
    comes out null is broken. A repeated key is a problem if `check_keys`, which takes a shuffle of the rows.
    """
    rules, parts = _rules(table, partition), _parts(partition)
    spark, schema = frame.sparkSession, frame.schema
    text = _of_new_rows(schema, table, [broken for _, broken in rules], list(parts.values()), check_keys)
    if old is None:
        rows = spark.sql(text, rows=frame).collect()
    else:
        text = f"{text} UNION ALL {_of_old_rows(schema, len(rules), len(parts))}"
        rows = spark.sql(text, rows=frame, old=old).collect()
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
    schema: T.StructType, table: Table, broken: Sequence[str], parts: Sequence[str], check_keys: bool
) -> str:
    """One row about {rows}: is_new, n, first, second (see `Fingerprint`), n_broken and examples per rule, repeated.

    And `parts`: the number of rows that satisfy each of these conditions.
    """
    key = ", ".join(f"`{name}`" for name in table.key)
    named = ", ', ', ".join(f"'{name}=', coalesce(cast(`{name}` AS string), 'null')" for name in table.key)
    offending = "".join(
        f", count_if({rule}) AS n_{i}, max(CASE WHEN {rule} THEN _key END) AS e_{i}" for i, rule in enumerate(broken)
    )
    offending += "".join(f", count_if({part}) AS p_{i}" for i, part in enumerate(parts))
    grouped = f"GROUP BY {key}" if check_keys else ""
    summed = f"""SELECT count(*) AS n, {_SUMS}, max(_key) AS _key{offending}
        FROM (SELECT *, {_row_hash(schema)} AS _hash, concat({named}) AS _key FROM {{rows}}) {grouped}"""
    n_broken = ", ".join(f"coalesce(sum(n_{i}), 0L)" for i in range(len(broken)))
    examples = ", ".join(f"max(e_{i})" for i in range(len(broken)))
    n_parts = ", ".join(f"coalesce(sum(p_{i}), 0L)" for i in range(len(parts)))
    repeated = "max(CASE WHEN n > 1 THEN struct(_key AS key, n AS n) END)" if check_keys else _NO_KEY
    return f"""SELECT true AS is_new, coalesce(sum(n), 0L) AS n, sum(first) AS first, sum(second) AS second,
        array({n_broken}) AS n_broken, array({examples}) AS examples, {repeated} AS repeated, array({n_parts}) AS parts
        FROM ({summed})"""


def _of_old_rows(schema: T.StructType, n_rules: int, n_parts: int) -> str:
    """The same row about {old}, which breaks nothing."""
    none = f"array_repeat(0L, {n_rules}) AS n_broken, array_repeat(cast(null AS string), {n_rules}) AS examples"
    return f"""SELECT false AS is_new, count(*) AS n, {_SUMS}, {none}, {_NO_KEY} AS repeated,
        array_repeat(0L, {n_parts}) AS parts
        FROM (SELECT {_row_hash(schema)} AS _hash FROM {{old}})"""


_SUMS = "sum(cast(_hash AS decimal(20,0))) AS first, sum(cast(xxhash64(_hash) AS decimal(20,0))) AS second"
_NO_KEY = "cast(null AS struct<key: string, n: bigint>)"


def _rules(table: Table, partition: Partition) -> list[tuple[str, str]]:
    """What every row must satisfy: its text, and the condition that is true where a row does not."""
    required = dict.fromkeys((*table.key, *table.required))
    rules = [(f"NOT NULL {name}", f"`{name}` IS NULL") for name in required]
    rules += [(f"CHECK {name} ({sql})", f"NOT coalesce({_literally(sql)}, false)") for name, sql in table.checks]
    rules += [
        (
            f"partition {name} = {' or '.join(map(str, each(value)))}",
            f"NOT coalesce({_literally(is_one_of(name, value))}, false)",
        )
        for name, value in partition.items()
    ]
    return rules


def _parts(partition: Partition) -> dict[str, str]:
    """The condition on the rows of each value, where a column of the partition names several."""
    several = [(name, value) for name, value in partition.items() if isinstance(value, tuple)]
    return {str(one): _literally(is_one_of(name, one)) for name, values in several for one in values}


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


def _literally(sql: str) -> str:
    """SQL in which braces stand for themselves."""
    return sql.replace("{", "{{").replace("}", "}}")


def _fingerprint(row: Any) -> Fingerprint:
    return Fingerprint(row["n"], int(row["first"] or 0), int(row["second"] or 0))
