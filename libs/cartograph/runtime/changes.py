"""Change data feeds of Delta: which rows of a table were inserted, updated or deleted since a version."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.runtime.definition import FEED, place_in_sql
from cartograph.runtime.failures import TableError
from cartograph.runtime.tables import Tables


class ChangesLost(TableError):
    """The requested changes are no longer in the table's history."""


def keep_changes(tables: Tables, name: str) -> int:
    """The newest version of table `name`, from which on `changes_since` knows what changed.

    New tables have a feed where one is needed; on an older one it is switched on here, in a commit of its own.

    Raises:
        TableMissing: the table has not been written.
        LockHeld: another process writes the table, and its feed is still to be switched on.
    """
    detail = tables.delta(name).detail().select("properties").head()
    if detail is None or detail[0].get(FEED) != "true":
        with tables.locks.hold(name):
            target = place_in_sql(tables.path(name), by_name=bool(tables.catalog))
            tables.spark.sql(f"ALTER TABLE {target} SET TBLPROPERTIES ('{FEED}' = 'true')")
    return tables.version(name)


def changes_since(tables: Tables, name: str, version: int) -> DataFrame:
    """Rows that were inserted, deleted, or updated (as they were before, and after) in the commits after `version`.

    Args:
        version: one that `keep_changes` gave.

    Raises:
        ChangesLost: those commits are no longer in the table's log, or the feed was switched off since.
    """
    if version >= tables.version(name):
        return tables.read(name).where(F.lit(False))
    oldest = tables.history(name).agg(F.min("version")).head()
    if oldest is None or oldest[0] > version + 1:
        raise ChangesLost(f"what changed in {name} after version {version} is no longer in its log")
    reader = tables.spark.read.option("readChangeFeed", "true").option("startingVersion", version + 1)
    path = tables.path(name)
    return reader.table(path) if tables.catalog else reader.format("delta").load(path)
