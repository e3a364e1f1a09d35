"""Histories hold what a customer did, oldest first."""

from __future__ import annotations

from datetime import datetime

import pytest
from pyspark.sql import DataFrame, SparkSession

from cartograph.core.histories import histories

COLUMNS = "event_id string, user_id string, product_id string, event_type string, event_at timestamp"


@pytest.fixture(scope="module")
def events(spark: SparkSession) -> DataFrame:
    rows = [
        ("e3", "ann", "cup", "purchase", datetime(2026, 1, 3)),
        ("e1", "ann", "lamp", "view", datetime(2026, 1, 1)),
        ("e5", "ann", "bowl", "view", datetime(2026, 1, 3)),
        ("e2", "ann", "lamp", "return", datetime(2026, 1, 2)),
        ("e4", None, "vase", "purchase", datetime(2026, 1, 1)),
        ("e6", "bob", "cup", "cart", datetime(2026, 1, 9)),
    ]
    return spark.createDataFrame(rows, COLUMNS)


def test_events_are_aligned_and_oldest_first_without_guests_and_returns(events: DataFrame) -> None:
    found = {row.user_id: row for row in histories(events).collect()}
    assert set(found) == {"ann", "bob"}
    assert found["ann"].product_ids == ["lamp", "cup", "bowl"]  # the same instant follows event_id
    assert found["ann"].event_types == ["view", "purchase", "view"]
    assert [at.day for at in found["ann"].event_ats] == [1, 3, 3]


def test_only_the_newest_are_kept(events: DataFrame) -> None:
    found = {row.user_id: row.product_ids for row in histories(events, max_length=2).collect()}
    assert found == {"ann": ["cup", "bowl"], "bob": ["cup"]}
