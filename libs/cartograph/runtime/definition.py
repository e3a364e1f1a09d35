"""Making a table as `core/schema.py` defines it, in one commit: comment, partitions, NOT NULL and CHECK constraints."""

from __future__ import annotations

from delta.tables import DeltaTable
from pyspark.sql import SparkSession
from pyspark.sql import types as T

from cartograph.core import schema
from cartograph.core.schema import Table

# Bronze commits carry the digests of the batches, which must outlive the usual 30 days.
_PROPERTIES = {"bronze": {"delta.logRetentionDuration": "interval 3650 days"}}
# Rows must be erasable for good: a deletion vector only hides them.
_ALWAYS = {"delta.enableDeletionVectors": "false"}


def create(spark: SparkSession, table: Table, place: str, by_name: bool) -> None:
    """Makes the empty table at the folder `place`, or under that name of a catalog, unless it is there."""
    if by_name:
        spark.sql(f"CREATE SCHEMA IF NOT EXISTS {place.rsplit('.', 1)[0]}")
    builder = DeltaTable.createIfNotExists(spark)
    builder = builder.tableName(place) if by_name else builder.location(place)
    builder = builder.comment(table.comment).addColumns(_nested_nullable(table.columns))
    if table.partition:
        builder = builder.partitionedBy(*table.partition)
    for key, value in (_ALWAYS | _PROPERTIES.get(table.layer, {})).items():
        builder = builder.property(key, value)
    for check, condition in table.checks:
        builder = builder.property(f"delta.constraints.{check}", condition)
    builder.execute()


def definition_differences(found: T.StructType, table: Table) -> list[str]:
    """How an existing table differs from its definition; empty when it does not."""
    return schema.differences(found, table.columns)


def _nested_nullable(columns: T.StructType) -> T.StructType:
    """The columns with nulls allowed inside arrays: Delta enforces NOT NULL at the top only and refuses it below."""
    fields = []
    for column in columns:
        kind = T.ArrayType(column.dataType.elementType) if isinstance(column.dataType, T.ArrayType) else column.dataType
        fields.append(T.StructField(column.name, kind, column.nullable))
    return T.StructType(fields)
