"""The feed of a table reports what changed since a version, also for tables that were made without one."""

from __future__ import annotations

from datetime import date, datetime

import pytest
from pyspark.sql import DataFrame, SparkSession

from cartograph.runtime.changes import ChangesLost, changes_since, keep_changes
from cartograph.runtime.definition import FEED
from cartograph.runtime.tables import Tables
from tests.core.checkerboard import filled

NAME = "silver.events"


def events(spark: SparkSession, *ids: str, product: str = "p") -> DataFrame:
    rows = [(name, f"of {name}", product, "view", datetime(2026, 1, 1), date(2026, 1, 1)) for name in ids]
    named = "event_id string, user_id string, product_id string, event_type string, event_at timestamp, event_on date"
    return filled(spark.createDataFrame(rows, named), NAME)


def reported(tables: Tables, version: int) -> set[tuple[str, str, str]]:
    changes = changes_since(tables, NAME, version)
    return {(row["user_id"], row["product_id"], row["_change_type"]) for row in changes.collect()}


@pytest.fixture(scope="module")
def lake(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Tables:
    """A lake with one table, of two events."""
    tables = Tables(spark, str(tmp_path_factory.mktemp("lake")), check_keys=False)
    tables.merge(NAME, events(spark, "a", "b"))
    return tables


def test_rows_that_came_or_changed_since_a_version_are_reported(spark: SparkSession, lake: Tables) -> None:
    version = keep_changes(lake, NAME)
    assert version == lake.version(NAME) == 1  # the table has a feed from the start: no commit was needed
    assert reported(lake, version) == set()
    lake.merge(NAME, events(spark, "b", "c", product="q"))
    expected = {("of c", "q", "insert"), ("of b", "p", "update_preimage"), ("of b", "q", "update_postimage")}
    assert reported(lake, version) == expected
    assert reported(lake, keep_changes(lake, NAME)) == set()


def test_changes_that_the_log_no_longer_has_are_refused(lake: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    newest = lake.version(NAME)
    whole = lake.history(NAME)
    monkeypatch.setattr(lake, "history", lambda name: whole.where(f"version >= {newest}"))
    assert changes_since(lake, NAME, newest - 1).count() > 0
    with pytest.raises(ChangesLost, match=rf"silver.events after version {newest - 2} is no longer in its log"):
        changes_since(lake, NAME, newest - 2)


def test_a_table_made_without_a_feed_keeps_working_and_gets_one(spark: SparkSession, lake: Tables) -> None:
    spark.sql(f"ALTER TABLE delta.`{lake.path(NAME)}` UNSET TBLPROPERTIES ('{FEED}')")
    lake.merge(NAME, events(spark, "d"))
    before = lake.version(NAME)
    version = keep_changes(lake, NAME)
    assert version == before + 1
    assert keep_changes(lake, NAME) == version
    lake.merge(NAME, events(spark, "e"))
    assert reported(lake, version) == {("of e", "p", "insert")}
