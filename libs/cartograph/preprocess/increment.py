"""The batches that silver does not hold yet, and the tables while these are added to them.

A batch is done when silver.ledger, which is written last, has it. So an interrupted run is simply repeated: what it
left of its batches in other tables is not counted as stored and is overwritten by key.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from pyspark import StorageLevel
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.core.tables.schema import table
from cartograph.preprocess.raw_rows import RawRows, by_declaration


class StoredTables(Protocol):
    """Tables by name, as they are stored."""

    def exists(self, name: str) -> bool:
        """Whether the table has been written."""

    def read(self, name: str, **equals: Any) -> DataFrame:
        """Its rows that have these values."""


class TableAccess(Protocol):
    """Tables to read and to write, both recorded; implemented by `runtime.job.Job`."""

    @property
    def tables(self) -> StoredTables:
        """The tables, for reads that are not recorded."""

    def read(self, name: str) -> DataFrame:
        """The rows of a table."""

    def replace(self, name: str, frame: DataFrame) -> Any:
        """Makes the frame the content of a table."""

    def merge(self, name: str, frame: DataFrame) -> Any:
        """Inserts or updates rows by key."""


@dataclass(frozen=True)
class Pending:
    """The batches to add to silver.

    `is_first` means that nothing which silver holds counts: there is nothing, or only what an interrupted first run
    left, or all of it is rebuilt because batches that it was made from were ingested again (`is_again`).
    """

    batches: DataFrame  # batch_id, source, target, n_in, cleaning
    is_first: bool
    is_again: bool


def pending_batches(recorded: DataFrame, ledger: DataFrame | None) -> Pending:
    """The recorded batches that the ledger does not have; all of them where it has one that is no longer recorded.

    Args:
        recorded: rows of bronze.batches.
        ledger: rows of silver.ledger; None where it has not been written.
    """
    batches = recorded.select("batch_id", "source", "target", F.col("n_kept").alias("n_in"), "cleaning")
    if ledger is None or ledger.isEmpty():
        return Pending(batches.localCheckpoint(), is_first=True, is_again=False)
    done = ledger.select("batch_id")
    if not done.join(batches, "batch_id", "left_anti").isEmpty():
        return Pending(batches.localCheckpoint(), is_first=True, is_again=True)
    return Pending(batches.join(done, "batch_id", "left_anti").localCheckpoint(), is_first=False, is_again=False)


def recorded_rows(access: TableAccess, target: str, batches: DataFrame | None = None) -> RawRows:
    """Rows of bronze.<target>: those of `batches`, or of all that are recorded."""
    name = f"bronze.{target}"
    known = access.tables.read("bronze.batches", target=target) if batches is None else batches
    rows = access.read(name) if access.tables.exists(name) else _no_rows(known, name)
    return by_declaration(rows, known)


def _no_rows(batches: DataFrame, name: str) -> DataFrame:
    return batches.sparkSession.createDataFrame([], table(name).columns)


@dataclass(frozen=True)
class Increment:
    """New batches and the tables that they are added to."""

    access: TableAccess
    batches: DataFrame
    is_first: bool
    _kept: ExitStack = field(repr=False)

    def raw(self, target: str) -> RawRows:
        """Rows of the new batches of bronze.<target>."""
        return recorded_rows(self.access, target, self.batches.where(F.col("target") == target))

    def all_raw(self, target: str) -> RawRows:
        """Rows of all recorded batches of bronze.<target>."""
        return recorded_rows(self.access, target)

    def has_new(self, target: str) -> bool:
        """Whether there is a new batch of bronze.<target>."""
        return not self.batches.where(F.col("target") == target).isEmpty()

    def stored(self, name: str) -> DataFrame | None:
        """A silver table as it is; None when nothing of it counts."""
        return None if self.is_first or not self.access.tables.exists(name) else self.access.tables.read(name)

    def earlier_events(self) -> DataFrame | None:
        """silver.events without what an interrupted run left there of the new batches; None as for `stored`."""
        stored = self.stored("silver.events")
        new = self.batches.select("batch_id")
        return None if stored is None else stored.join(F.broadcast(new), "batch_id", "left_anti")

    def read(self, name: str, **equals: Any) -> DataFrame:
        """A table as it is, what this increment wrote included."""
        return self.access.tables.read(name, **equals)

    def write(self, name: str, rows: DataFrame) -> None:
        """The whole table the first time, rows by key after that."""
        if self.is_first:
            self.access.replace(name, rows)
        else:
            self.access.merge(name, rows)

    def keep(self, rows: DataFrame) -> DataFrame:
        """The rows, computed once and kept on disk until the increment ends."""
        kept = rows.persist(StorageLevel.DISK_ONLY)
        self._kept.callback(kept.unpersist)
        return kept


@contextmanager
def increment(access: TableAccess, pending: Pending) -> Iterator[Increment]:
    """The pending batches with their tables; what is kept on disk is released at the end of the block."""
    with ExitStack() as kept:
        yield Increment(access, pending.batches, pending.is_first, kept)
