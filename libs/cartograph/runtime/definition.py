"""Makes a table as `core/tables/schema.py` defines it, in one commit: comment, partitions, NOT NULL and CHECK."""

from __future__ import annotations

from pyspark.sql import SparkSession
from pyspark.sql import types as T

from cartograph.core.tables import schema
from cartograph.core.tables.schema import Table
from cartograph.runtime.failures import SchemaMismatch

# Bronze commits carry the digests of the batches, which must outlive the usual 30 days.
_PROPERTIES = {"bronze": {"delta.logRetentionDuration": "interval 3650 days"}}
# Rows must be erasable for good: a deletion vector only hides them.
_ALWAYS = {"delta.enableDeletionVectors": "false"}
FEED = "delta.enableChangeDataFeed"
_FOLLOWED = frozenset({"silver.events"})  # tables whose changes are read: see `changes`


def create(spark: SparkSession, table: Table, place: str, by_name: bool) -> None:
    """Makes the empty table at the folder `place`, or under that name of a catalog, unless it is there."""
    if by_name:
        spark.sql(f"CREATE SCHEMA IF NOT EXISTS {place.rsplit('.', 1)[0]}")
    columns = ", ".join(
        f"`{column.name}` {column.dataType.simpleString()}{'' if column.nullable else ' NOT NULL'}"
        for column in table.columns
    )
    partition = f"PARTITIONED BY ({', '.join(table.partition)})" if table.partition else ""
    checks = {f"delta.constraints.{check}": condition for check, condition in table.checks}
    feed = {FEED: "true"} if table.name in _FOLLOWED else {}
    properties = _ALWAYS | _PROPERTIES.get(table.layer, {}) | feed | checks
    listed = ", ".join(f"{_quoted(key)} = {_quoted(value)}" for key, value in properties.items())
    spark.sql(
        f"CREATE TABLE IF NOT EXISTS {place_in_sql(place, by_name)} ({columns}) USING delta {partition} "
        f"COMMENT {_quoted(table.comment)} TBLPROPERTIES ({listed})"
    )


def place_in_sql(place: str, by_name: bool) -> str:
    """How a statement names the table at the folder `place`, or under that name of a catalog."""
    return place if by_name else f"delta.`{place.replace('`', '``')}`"


def require_definition(found: T.StructType, table: Table, place: str) -> None:
    """Raises if an existing table differs from its definition.

    Raises:
        SchemaMismatch: with every difference.
    """
    problems = schema.differences(found, table.columns)
    if problems:
        raise SchemaMismatch(
            f"{place} was made by another version of the project: {'; '.join(problems)}. "
            "Alter it, or delete it and run its steps again"
        )


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
