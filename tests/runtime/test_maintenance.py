"""Housekeeping changes files, never rows, and never deletes what a running reader may need."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from cartograph.core.errors import UserError
from cartograph.runtime.command_line import main
from cartograph.runtime.maintenance import UnsafeRetention, optimize, tables_to_maintain, vacuum
from cartograph.runtime.tables import Tables
from jobs import maintain
from tests.conftest import LOCAL

NAME = "silver.baskets"


@pytest.fixture
def lake(spark: SparkSession, tmp_path: Path) -> Tables:
    """Baskets in three small files."""
    tables = Tables(spark, str(tmp_path / "lake"))
    schema = "order_id string, user_id string, ordered_at timestamp, product_ids array<string>"
    for batch in range(3):
        rows = [(f"o{batch}", "u", datetime(2011, 1, 1), ["a"])]
        tables.append(NAME, spark.createDataFrame(rows, schema).coalesce(1), "test", batch, str(batch))
    return tables


def files(tables: Tables) -> int:
    return len(list(Path(tables.path(NAME)).glob("*.parquet")))


def test_small_files_are_joined_once_and_old_ones_deleted_when_that_is_allowed(
    spark: SparkSession, lake: Tables, tmp_path: Path
) -> None:
    before = sorted(row.order_id for row in lake.read(NAME).collect())
    tidied = optimize(lake, NAME, ["user_id"])
    assert (tidied.files_removed, tidied.files_added) == (3, 1)
    assert optimize(lake, NAME, ["user_id"]).files_removed == 0  # nothing new: not rewritten
    vacuum(lake, NAME, 168)
    assert files(lake) == 4  # the old files are younger than a week
    arguments = [
        *LOCAL,
        f"lake.root={tmp_path}/lake",
        "maintain.retention_hours=0",
        "maintain.allow_short_retention=true",
    ]
    main("maintain", maintain.run, None, argv=["--env=demo", *(f"--set={pair}" for pair in arguments)])
    assert files(lake) == 1
    assert spark.conf.get("spark.databricks.delta.retentionDurationCheck.enabled", "true") == "true"
    assert sorted(row.order_id for row in lake.read(NAME).collect()) == before == ["o0", "o1", "o2"]


def test_a_short_retention_is_refused_unless_it_is_allowed(tables: Tables) -> None:
    with pytest.raises(UnsafeRetention, match=r"retention_hours is 1, below 168.*allow_short_retention"):
        vacuum(tables, NAME, 1)


def test_only_tables_that_exist_are_maintained_and_unknown_ones_named(tables: Tables) -> None:
    assert tables_to_maintain(tables, []) == []
    with pytest.raises(UserError, match=r"maintain.tables names silver\.evnets"):
        tables_to_maintain(tables, ["silver.evnets"])
