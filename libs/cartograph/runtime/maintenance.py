"""Keeps tables fast and small: compacts small files, clusters rows that are read together, deletes old files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pyspark.sql import Column
from pyspark.sql import functions as F

from cartograph.core.errors import UserError
from cartograph.core.tables.schema import TABLES
from cartograph.runtime.tables import Tables

# Delta's own limit: a reader or writer that started within a week may still need the files.
SAFE_HOURS = 168.0
_CHECK = "spark.databricks.delta.retentionDurationCheck.enabled"


class UnsafeRetention(UserError):
    """Files would be deleted that a running reader or time travel may still need."""


@dataclass(frozen=True)
class Tidied:
    """What OPTIMIZE did to a table."""

    table: str
    files_removed: int
    files_added: int


def tables_to_maintain(tables: Tables, requested: Sequence[str]) -> list[str]:
    """The names in `requested`, or all tables that exist when it is empty.

    Raises:
        UserError: a requested table is not defined.
    """
    unknown = [name for name in requested if name not in TABLES]
    if unknown:
        raise UserError(f"maintain.tables names {', '.join(unknown)}; the tables are {', '.join(sorted(TABLES))}")
    return [name for name in (requested or TABLES) if tables.exists(name)]


def optimize(tables: Tables, name: str, cluster_by: Sequence[str] = ()) -> Tidied:
    """Joins small files and, with `cluster_by`, lays out rows by a Z-order of these columns; rows stay the same.

    Z-order and not liquid clustering: that one excludes partitions, by which the jobs overwrite. A Z-order rewrites
    the whole table each time, so a table that nothing was written to since the last time is left alone.
    """
    if _tidy_already(tables, name):
        return Tidied(name, 0, 0)
    with tables.locks.hold(name):
        builder = tables.delta(name).optimize()
        done = builder.executeZOrderBy(*cluster_by) if cluster_by else builder.executeCompaction()
    row = done.select("metrics.numFilesRemoved", "metrics.numFilesAdded").head()
    return Tidied(name, int(row[0]), int(row[1])) if row else Tidied(name, 0, 0)


def vacuum(tables: Tables, name: str, hours: float, allow_short: bool = False) -> None:
    """Deletes files of table `name` that no version younger than `hours` uses.

    Raises:
        UnsafeRetention: `hours` is below a week and `allow_short` is not set.
    """
    if hours < SAFE_HOURS and not allow_short:
        raise UnsafeRetention(
            f"maintain.retention_hours is {hours:g}, below {SAFE_HOURS:g}: running readers and time travel may need "
            "those files. Set maintain.allow_short_retention=true if nothing else uses the tables"
        )
    before = tables.spark.conf.get(_CHECK, "true")
    tables.spark.conf.set(_CHECK, "false" if hours < SAFE_HOURS else "true")
    try:
        with tables.locks.hold(name):
            tables.delta(name).vacuum(hours)
    finally:
        tables.spark.conf.set(_CHECK, str(before))


def _tidy_already(tables: Tables, name: str) -> bool:
    """Whether nothing was written to the table since it was last optimised."""
    newest = tables.history(name).filter(~F.col("operation").startswith("VACUUM")).select("operation").head()
    return newest is not None and newest[0] == "OPTIMIZE"


def remove(tables: Tables, name: str, condition: Column) -> None:
    """Deletes the rows of table `name` that fulfil the condition; does nothing if the table has not been written.

    Raises:
        LockHeld: another process writes the table.
    """
    if not tables.exists(name):
        return
    with tables.locks.hold(name):
        tables.delta(name).delete(condition)
