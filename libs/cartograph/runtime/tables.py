"""Delta tables by name: every write is checked first and replaces, merges or appends exactly what it says.

Layout: `<root>/<layer>/<table>`, or `<catalog>.<layer>.<table>` where a catalog is set.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from delta.tables import DeltaTable
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from cartograph.core import schema
from cartograph.core.errors import UserError
from cartograph.runtime.fingerprint import Fingerprint, duplicated_keys, fingerprint

_INSTANTS = ("event_at", "ordered_at", "first_seen_at")


class TableError(UserError):
    """A table cannot be read or written as asked."""


class TableMissing(TableError):
    """No step has written this table yet."""


class SchemaMismatch(TableError):
    """A frame does not have the table's columns; the message names every difference."""


class RowsRefused(TableError):
    """Rows break a constraint, repeat a key, or lie outside the partition that is being replaced."""


class DigestChanged(TableError):
    """The same batch was appended before from different input."""


@dataclass(frozen=True)
class WriteResult:
    """What a write did. `changed` is False when the table already held exactly these rows."""

    table: str
    version: int
    rows: int
    changed: bool
    seconds: float
    partition: dict[str, Any] = field(default_factory=dict)


class Tables:
    """The lake under `root`."""

    def __init__(
        self,
        spark: SparkSession,
        root: str,
        catalog: str | None = None,
        *,
        check_keys: bool = True,
        skip_unchanged: bool = True,
    ) -> None:
        self.spark = spark
        self.root = root.rstrip("/")
        self.catalog = catalog
        self.check_keys = check_keys
        self.skip_unchanged = skip_unchanged

    def path(self, name: str) -> str:
        """Where table `name` lies."""
        return f"{self.root}/{schema.table(name).name.replace('.', '/')}"

    def exists(self, name: str) -> bool:
        """Whether table `name` has been written."""
        if self.catalog:
            return self.spark.catalog.tableExists(f"{self.catalog}.{name}")
        return DeltaTable.isDeltaTable(self.spark, self.path(name))

    def read(self, name: str, as_of: date | None = None, **equals: Any) -> DataFrame:
        """Rows of table `name`; with `as_of` only those known before that day, with `equals` only those that match.

        A table with an `as_of` column is read at that partition. Others keep the rows whose event_at, ordered_at or
        first_seen_at lies before `as_of` 00:00 UTC; a product whose first_seen_at is unknown counts as always there.

        Raises:
            TableMissing: the table has not been written.
        """
        self._must_exist(name)
        frame = self._load(name)
        if as_of is not None:
            frame = frame.filter(_before(schema.columns_of(name), as_of))
        for column, value in equals.items():
            frame = frame.filter(F.col(column) == F.lit(value))
        return frame

    def replace(self, name: str, frame: DataFrame, **partition: Any) -> WriteResult:
        """Makes `frame` the content of exactly this partition of table `name`; without one, of the whole table.

        Partition columns that the frame lacks are added. Rows equal to those already there are not written again.

        Raises:
            SchemaMismatch, RowsRefused: nothing has been written.
        """
        started = time.monotonic()
        rows = self._fitted(name, frame, partition)
        rows.persist()
        try:
            content = self._checked(name, rows)
            self._create(name)
            if self.skip_unchanged and fingerprint(self._load(name).filter(_matches(partition))) == content:
                return WriteResult(name, self.version(name), content.rows, False, time.monotonic() - started, partition)
            writer = rows.write.format("delta").mode("overwrite")
            if partition:
                writer = writer.option("replaceWhere", _sql(partition))
            writer.save(self.path(name))
        finally:
            rows.unpersist()
        return WriteResult(name, self.version(name), content.rows, True, time.monotonic() - started, partition)

    def merge(self, name: str, frame: DataFrame, insert_only: bool = False) -> WriteResult:
        """Inserts rows whose key is new to table `name` and, unless `insert_only`, updates those that differ."""
        started = time.monotonic()
        rows = self._fitted(name, frame, {})
        rows.persist()
        try:
            content = self._checked(name, rows)
            self._create(name)
            key = " AND ".join(f"old.`{column}` = new.`{column}`" for column in schema.table(name).key)
            merge = self._delta(name).alias("old").merge(rows.alias("new"), key)
            if not insert_only:
                merge = merge.whenMatchedUpdateAll()
            merge.whenNotMatchedInsertAll().execute()
        finally:
            rows.unpersist()
        return WriteResult(name, self.version(name), content.rows, True, time.monotonic() - started)

    def append(self, name: str, frame: DataFrame, app_id: str, version: int, digest: str) -> WriteResult:
        """Adds the rows of batch `version` of writer `app_id`, once however often it is called.

        Raises:
            DigestChanged: this batch was appended before from input with another digest.
        """
        started = time.monotonic()
        rows = self._fitted(name, frame, {})
        self._create(name)
        before = self._delta(name).history().filter(
            (F.get_json_object("userMetadata", "$.app_id") == app_id)
            & (F.get_json_object("userMetadata", "$.version").cast("long") == version)
        )
        earlier = before.select("version", F.get_json_object("userMetadata", "$.digest")).head()
        if earlier is not None:
            if earlier[1] != digest:
                raise DigestChanged(f"{name}: batch {version} of {app_id} was appended before with digest {earlier[1]}, now {digest}")
            return WriteResult(name, earlier[0], 0, False, time.monotonic() - started)
        writer = rows.write.format("delta").mode("append").option("txnAppId", app_id).option("txnVersion", version)
        note = json.dumps({"app_id": app_id, "version": version, "digest": digest})
        writer.option("userMetadata", note).save(self.path(name))
        n_rows = int(self._delta(name).history(1).select("operationMetrics").head()[0].get("numOutputRows", 0))
        return WriteResult(name, self.version(name), n_rows, True, time.monotonic() - started)

    def version(self, name: str) -> int:
        """The newest version of table `name`."""
        self._must_exist(name)
        newest = self._delta(name).history(1).select("version").head()
        return int(newest[0]) if newest else 0

    def history(self, name: str) -> DataFrame:
        """The commits of table `name`, newest first."""
        self._must_exist(name)
        return self._delta(name).history()

    def _delta(self, name: str) -> DeltaTable:
        return DeltaTable.forPath(self.spark, self.path(name))

    def _load(self, name: str) -> DataFrame:
        return self.spark.read.format("delta").load(self.path(name))

    def _must_exist(self, name: str) -> None:
        schema.table(name)
        if not self.exists(name):
            raise TableMissing(f"table {name} is not in {self.root}: no step has written it yet")

    def _create(self, name: str) -> None:
        """Makes the table with its comment, NOT NULL columns and CHECK constraints, unless it is there."""
        if self.exists(name):
            return
        table = schema.table(name)
        builder = DeltaTable.createIfNotExists(self.spark).location(self.path(name)).comment(table.comment)
        builder = builder.addColumns(_nested_nullable(table.columns))
        if table.partition:
            builder = builder.partitionedBy(*table.partition)
        for check, condition in table.checks:
            builder = builder.property(f"delta.constraints.{check}", condition)
        builder.execute()

    def _fitted(self, name: str, frame: DataFrame, partition: dict[str, Any]) -> DataFrame:
        """`frame` with the table's columns in the table's order."""
        table = schema.table(name)
        types = {column.name: column.dataType for column in table.columns}
        for column, value in partition.items():
            if column not in frame.columns:
                frame = frame.withColumn(column, F.lit(value).cast(types[column]))
        problems = schema.differences(frame.schema, table.columns)
        if problems:
            raise SchemaMismatch(f"the rows for {name} do not fit:\n" + "\n".join(f"  - {item}" for item in problems))
        return frame.select(*table.columns.names)

    def _checked(self, name: str, rows: DataFrame) -> Fingerprint:
        """The fingerprint of the rows, after the key was found unique."""
        content = fingerprint(rows)
        doubled = duplicated_keys(rows, schema.table(name).key) if self.check_keys else []
        if doubled:
            raise RowsRefused(f"the rows for {name} repeat the key: " + "; ".join(doubled))
        return content


def _nested_nullable(columns: T.StructType) -> T.StructType:
    """The columns with nulls allowed inside arrays: Delta enforces NOT NULL only at the top and refuses it below."""
    types = [
        T.ArrayType(column.dataType.elementType) if isinstance(column.dataType, T.ArrayType) else column.dataType
        for column in columns
    ]
    return T.StructType(
        [T.StructField(column.name, kind, column.nullable) for column, kind in zip(columns, types, strict=True)]
    )


def _before(columns: list[str], as_of: date) -> Column:
    if "as_of" in columns:
        return F.col("as_of") == F.lit(as_of)
    instant = next((name for name in _INSTANTS if name in columns), None)
    if instant is None:
        return F.lit(True)
    midnight = F.lit(as_of).cast(T.TimestampType())
    known = F.col(instant) < midnight
    return known | F.col(instant).isNull() if instant == "first_seen_at" else known


def _matches(partition: dict[str, Any]) -> Column:
    condition = F.lit(True)
    for column, value in partition.items():
        condition = condition & (F.col(column) == F.lit(value))
    return condition


def _sql(partition: dict[str, Any]) -> str:
    """The partition as SQL: as_of = '2011-11-01' AND model = 'als'."""
    quoted = {column: str(value).replace("\\", "\\\\").replace("'", "\\'") for column, value in partition.items()}
    return " AND ".join(f"`{column}` = '{value}'" for column, value in quoted.items())
