"""Rows on their way into a table: fitted to its columns, kept while they are checked, and how they take a partition."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from pyspark.sql import DataFrame, DataFrameWriter
from pyspark.sql import functions as F

from cartograph.core.tables import schema
from cartograph.core.tables.schema import Table
from cartograph.runtime.conditions import Partition, as_sql
from cartograph.runtime.failures import SchemaMismatch


def replacing(rows: DataFrame, partition: Partition, is_empty: bool) -> DataFrameWriter:
    """The write that replaces a partition; an append where it is known to be empty, which is cheaper."""
    writer = rows.write.format("delta")
    if is_empty:
        return writer.mode("append")
    return writer.mode("overwrite").option("replaceWhere", as_sql(partition)) if partition else writer.mode("overwrite")


def fitted(table: Table, frame: DataFrame, partition: Partition) -> DataFrame:
    """`frame` with the table's columns in the table's order; one with a single value may be missing."""
    for column, value in partition.items():
        if column not in frame.columns and not isinstance(value, tuple):
            frame = frame.withColumn(column, F.lit(value).cast(table.columns[column].dataType))
    problems = schema.differences(frame.schema, table.columns)
    if problems:
        raise SchemaMismatch(f"the rows for {table.name} do not fit, nothing was written:\n" + listed(problems))
    return frame.select(*table.columns.names)


@contextlib.contextmanager
def kept(frame: DataFrame) -> Iterator[DataFrame]:
    """The frame, computed once while in use."""
    frame.persist()
    try:
        yield frame
    finally:
        frame.unpersist()


def listed(problems: list[str]) -> str:
    return "\n".join(f"  - {problem}" for problem in problems)
