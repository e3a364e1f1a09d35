"""Delta tables by name: every write is checked first and replaces, merges or appends exactly what it says.

Layout: `<root>/<layer>/<table>`, or `<catalog>.<layer>.<table>` where a catalog is set (then `root` holds locks only).

What a write costs beyond the writing: the rows are computed once and kept (memory, then disk) while one query counts
and hashes them, looks for broken constraints and, in one shuffle, for repeated keys (`lake.check_keys`), and scans the
old partition for changes (`lake.skip_unchanged`). An append is checked by Delta alone: nothing is kept.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Self

from delta.tables import DeltaTable
from pyspark.sql import DataFrame, DataFrameWriter, SparkSession
from pyspark.sql import functions as F

from cartograph.core.tables import schema
from cartograph.core.tables.schema import Table
from cartograph.runtime import places
from cartograph.runtime.conditions import Partition, before, within
from cartograph.runtime.content import Survey, differing, survey
from cartograph.runtime.definition import create, require_definition
from cartograph.runtime.failures import DigestChanged, RowsRefused, SchemaMismatch, TableError, TableMissing, explained
from cartograph.runtime.lock_files import lock_files
from cartograph.runtime.locks import Locks, lock_names
from cartograph.runtime.step_record import StepRecord, note
from cartograph.runtime.table_log import batch_of
from cartograph.runtime.written_rows import fitted, kept, listed, replacing
from cartograph.settings import Config

__all__ = ["DigestChanged", "RowsRefused", "SchemaMismatch", "TableError", "TableMissing", "Tables", "WriteResult"]


@dataclass(frozen=True)
class WriteResult:
    """What a write did: `rows` is what was written, or what was found unchanged when `changed` is False."""

    table: str
    version: int
    rows: int
    changed: bool
    seconds: float
    partition: dict[str, Any] = field(default_factory=dict)
    parts: dict[str, int] = field(default_factory=dict)  # rows per value, where a column had several


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
        locks: Locks | None = None,
    ) -> None:
        self.spark = spark
        self.root = root.rstrip("/")
        self.catalog = catalog
        self.check_keys = check_keys
        self.skip_unchanged = skip_unchanged
        self._as_defined: set[str] = set()  # tables that were found to be as they are defined, by this run
        self._record: StepRecord | None = None  # of the step that runs
        self.locks = locks or Locks(lock_files(spark, f"{self.root}/_locks"), f"{self.root}/_locks")

    @classmethod
    def of(cls, spark: SparkSession, config: Config) -> Self:
        """The lake that the configuration names."""
        lake = config.lake
        root = places.resolve(lake.root)
        locks = Locks.below(spark, root, lake)
        return cls(
            spark, root, lake.catalog, check_keys=lake.check_keys, skip_unchanged=lake.skip_unchanged, locks=locks
        )

    def path(self, name: str) -> str:
        """The place of table `name`: its folder, or its full name in the catalog."""
        schema.table(name)
        return f"{self.catalog}.{name}" if self.catalog else f"{self.root}/{name.replace('.', '/')}"

    @contextlib.contextmanager
    def recorded(self, record: StepRecord) -> Iterator[None]:
        """Records what is written meanwhile, and which tables are not there."""
        self._record = record
        try:
            yield
        finally:
            self._record = None

    def exists(self, name: str) -> bool:
        """Whether table `name` has been written."""
        found = self._exists(name)
        if self._record and not found:
            self._record.read(name, -1, {})
        return found

    def _exists(self, name: str) -> bool:
        if self.catalog:
            return self.spark.catalog.tableExists(self.path(name))
        if places.is_local(self.path(name)):  # looking there spares 150 calls to the JVM
            return (Path(self.path(name)) / "_delta_log").is_dir()
        return DeltaTable.isDeltaTable(self.spark, self.path(name))

    def read(self, name: str, as_of: date | None = None, **equals: Any) -> DataFrame:
        """Rows of table `name`; with `as_of` only those known before that day, with `equals` only those that match.

        A table with an `as_of` column is read at that partition. Others keep the rows whose event_at, ordered_at,
        exposed_at, stated_at or first_seen_at lies before `as_of` 00:00 UTC; one whose first_seen_at is unknown is
        always there.

        Raises:
            TableMissing: the table has not been written.
        """
        frame = self._load(self._existing(name))
        if as_of is not None:
            frame = frame.filter(before(schema.columns_of(name), as_of))
        for column, value in equals.items():
            frame = frame.filter(F.col(column) == F.lit(value))
        return frame

    def read_existing(self, name: str, **equals: Any) -> DataFrame | None:
        """As `read`; None if the table has not been written."""
        return self.read(name, **equals) if self.exists(name) else None

    def days(self, name: str, before: date, **equals: Any) -> list[date]:
        """The days before the one given that table `name` has rows of, in order; none where it has not been written."""
        is_there = self._exists(name)
        if self._record:
            self._record.read(name, self.version(name) if is_there else -1, equals, before)
        if not is_there:
            return []
        rows = self._load(name).filter(within(equals) & (F.col("as_of") < F.lit(before)))
        return sorted(row.as_of for row in rows.select("as_of").distinct().collect())

    def replace(self, name: str, frame: DataFrame, **partition: Any) -> WriteResult:
        """Makes `frame` the content of exactly this partition of table `name`; without one, of the whole table.

        A tuple stands for the partitions of all its values, which are replaced together: model=("als", "swing").
        Partition columns with one value are added where the frame lacks them. Rows equal to those already there are not
        written again.

        Raises:
            SchemaMismatch: columns are missing, unknown or of another type.
            RowsRefused: a constraint is broken, a key repeated, a row outside the partition; nothing is written.
            LockHeld: another process writes this partition.
        """
        started = time.monotonic()
        table = schema.table(name)
        unknown = partition.keys() - set(table.partition)
        if unknown:
            raise ValueError(f"{name} is partitioned by {table.partition}, not by {sorted(unknown)}")
        with self._writing(name, partition) as is_new, kept(fitted(table, frame, partition)) as rows:
            old = self._load(name).filter(within(partition)) if self.skip_unchanged and not is_new else None
            found = self._checked(table, rows, partition, old)
            changed = found.old != found.content
            if changed:
                writer = replacing(rows, partition, is_new or (found.old is not None and not found.old.rows))
                self._save(name, writer.option("userMetadata", note(partition, self._record)))
        seconds, version = time.monotonic() - started, self.version(name)
        if self._record:
            self._record.wrote(name, version, partition)
        return WriteResult(name, version, found.content.rows, changed, seconds, partition, found.parts)

    def merge(self, name: str, frame: DataFrame, insert_only: bool = False) -> WriteResult:
        """Inserts rows whose key is new to table `name` and, unless `insert_only`, updates those that differ.

        `rows` of the result counts inserted and updated rows; when there are none, no version is made.

        Raises:
            SchemaMismatch, RowsRefused, LockHeld: as for `replace`.
        """
        started = time.monotonic()
        table = schema.table(name)
        with self._writing(name, {}), kept(fitted(table, frame, {})) as rows:
            self._checked(table, rows, {})
            with kept(differing(rows, self._load(name), table.key, insert_only)) as changes:
                n_changes = changes.count()
                if n_changes:
                    condition = " AND ".join(f"old.`{column}` = new.`{column}`" for column in table.key)
                    merge = self._delta(name).alias("old").merge(changes.alias("new"), condition)
                    merge = merge if insert_only else merge.whenMatchedUpdateAll()
                    with explained(name):
                        merge.whenNotMatchedInsertAll().execute()
        return WriteResult(name, self.version(name), n_changes, n_changes > 0, time.monotonic() - started)

    def append(self, name: str, frame: DataFrame, app_id: str, version: int, digest: str) -> WriteResult:
        """Adds the rows of batch `version` of writer `app_id`, once however often it is called; batches come in order.

        `digest` stands for the input the rows were made from. It is kept in the commit, so a batch number that
        comes back with other input is refused instead of being ignored. Keys are not compared with older rows.

        Raises:
            DigestChanged: this batch was appended before from input with another digest.
            TableError: a later batch of this writer is there already, so Delta would ignore this one.
            SchemaMismatch, RowsRefused, LockHeld: as for `replace`.
        """
        started = time.monotonic()
        rows = fitted(schema.table(name), frame, {})
        with self._writing(name, {}):
            done = batch_of(self._delta(name), app_id, version)
            if done is not None and done[1] != digest:
                raise DigestChanged(
                    f"{name}: batch {version} of {app_id} was appended before from other input "
                    f"(digest {done[1]}, now {digest}). Give changed input a new batch number"
                )
            if done is not None:
                return WriteResult(name, done[0], 0, False, time.monotonic() - started)
            before = self.version(name)
            note = json.dumps({"app_id": app_id, "batch": version, "digest": digest})
            writer = rows.write.format("delta").mode("append").option("userMetadata", note)
            self._save(name, writer.option("txnAppId", app_id).option("txnVersion", version))
            after, n_rows = self._newest(name)
            if after == before:
                raise TableError(f"{name}: batch {version} of {app_id} comes after a later one; keep them in order")
        return WriteResult(name, after, n_rows, True, time.monotonic() - started)

    def version(self, name: str) -> int:
        """The newest version of table `name`."""
        path = self.path(self._existing(name))
        if self.catalog or not places.is_local(path):
            return self._newest(name)[0]
        # Delta's log names its files after versions: on this machine looking there spares a Spark job per read.
        numbers = (file.name.partition(".")[0] for file in (Path(path) / "_delta_log").iterdir())
        return max(int(number) for number in numbers if number.isdigit())

    def history(self, name: str) -> DataFrame:
        """The commits of table `name`, newest first."""
        return self.delta(name).history()

    def delta(self, name: str) -> DeltaTable:
        """The table as Delta's own object, for housekeeping.

        Raises:
            TableMissing: the table has not been written.
        """
        return self._delta(self._existing(name))

    def _delta(self, name: str) -> DeltaTable:
        return (DeltaTable.forName if self.catalog else DeltaTable.forPath)(self.spark, self.path(name))

    def _load(self, name: str) -> DataFrame:
        if self.catalog:
            return self.spark.read.table(self.path(name))
        return self.spark.read.format("delta").load(self.path(name))

    def _save(self, name: str, writer: DataFrameWriter) -> None:
        with explained(name):
            if self.catalog:
                writer.saveAsTable(self.path(name))
            else:
                writer.save(self.path(name))

    def _existing(self, name: str) -> str:
        schema.table(name)
        if not self._exists(name):
            raise TableMissing(f"table {name} is not in {self.catalog or self.root}: no step has written it yet")
        return name

    @contextlib.contextmanager
    def _writing(self, name: str, partition: dict[str, Any]) -> Iterator[bool]:
        """Holds the partition's lock, with the table there and as defined; whether it was made just now."""
        table = schema.table(name)
        with contextlib.ExitStack() as held:
            for lock in lock_names(name, partition):
                held.enter_context(self.locks.hold(lock))
            is_new = not self._exists(name)
            if is_new:
                with self.locks.hold(f"{name},create", wait_seconds=self.locks.stale_seconds):
                    create(self.spark, table, self.path(name), by_name=bool(self.catalog))
            if not is_new and name not in self._as_defined:
                require_definition(self._load(name).schema, table, self.path(name))
            self._as_defined.add(name)
            yield is_new

    def _checked(self, table: Table, rows: DataFrame, partition: Partition, old: DataFrame | None = None) -> Survey:
        """What the rows, and the old ones they may replace, hold, after they were found to satisfy every constraint."""
        found = survey(rows, table, partition, old, self.check_keys)
        if found.problems:
            raise RowsRefused(f"the rows for {table.name} are refused, nothing was written:\n" + listed(found.problems))
        return found

    def _newest(self, name: str) -> tuple[int, int]:
        """Version and written rows of the last commit."""
        row = self._delta(name).history(1).select("version", "operationMetrics").head()
        assert row is not None  # a Delta table has at least one commit
        return int(row[0]), int((row[1] or {}).get("numOutputRows", 0))
