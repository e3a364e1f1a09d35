"""Rows seen together: the last of equal events, sessions, returns with orders; several runs give what one gives."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from cartograph.core.schema import table
from cartograph.preprocess.resolve import resolved_events

START = datetime(2024, 5, 1, 10)
COLUMNS = table("silver.events").columns
GAP = 30


def good(spark: SparkSession, *events: dict[str, Any]) -> DataFrame:
    """Good events: minutes after START, user ann, product cup, batch b1 unless told otherwise."""
    rows = []
    for n, event in enumerate(events):
        at = START + timedelta(minutes=event.pop("minute", n))
        usual = {"event_id": f"E{n}", "user_id": "ann", "product_id": "cup", "event_type": "view", "batch_id": "b1"}
        rows.append({**usual, "event_at": at, "event_on": at.date(), "source": "s", "row_id": f"r{n}", **event})
    names = [name for name in COLUMNS.names if name != "returned_order_id"]
    types = ", ".join(f"{name} {COLUMNS[name].dataType.simpleString()}" for name in names)
    return spark.createDataFrame(
        [tuple(row.get(n) for n in (*names, "row_id")) for row in rows], f"{types}, row_id string"
    )


def by_id(events: DataFrame, column: str) -> dict[str, Any]:
    return {row["event_id"]: row[column] for row in events.collect()}


def test_of_equal_events_the_one_with_the_last_time_wins(spark: SparkSession) -> None:
    events = good(
        spark,
        {"event_id": "E", "minute": 5, "product_id": "last"},
        {"event_id": "E", "minute": 1, "product_id": "first"},
        {"event_id": "F", "product_id": "tie", "row_id": "a"},
        {"event_id": "F", "minute": 2, "product_id": "greater row", "row_id": "b"},
    )
    assert by_id(resolved_events(events, None, GAP), "product_id") == {"E": "last", "F": "greater row"}


def test_a_pause_longer_than_the_gap_starts_a_session(spark: SparkSession) -> None:
    events = good(
        spark,
        {"minute": 0},
        {"minute": 30},
        {"minute": 61, "event_type": "purchase", "order_id": "O1"},
        {"minute": 62, "session_id": "given"},
        {"minute": 63, "event_type": "rating"},
        {"minute": 64, "user_id": None},
        {"minute": 0, "user_id": "bob"},
    )
    sessions = by_id(resolved_events(events, None, GAP), "session_id")
    assert sessions["E0"] == sessions["E1"] != sessions["E2"]
    assert sessions["E0"].startswith("gap-ann-")
    assert sessions["E3"] == "given"
    assert sessions["E4"] is sessions["E5"] is None
    assert sessions["E6"].startswith("gap-bob-")


def test_returns_are_paired_with_the_order_they_take_back(spark: SparkSession) -> None:
    def bought(order: str, quantity: int, **more: Any) -> dict[str, Any]:
        return {"event_type": "purchase", "order_id": order, "quantity": quantity, **more}

    def returned(order: str | None, quantity: int, event_id: str, **more: Any) -> dict[str, Any]:
        return {"event_type": "return", "order_id": order, "quantity": quantity, "event_id": event_id, **more}

    events = good(
        spark,
        bought("O1", 5),
        bought("O2", 1),
        returned("O1", 1, "names its order"),
        returned("C9", 3, "only O1 sold enough"),
        returned("C9", 1, "the last that sold enough"),
        returned("C9", 99, "none sold enough: the last"),
        returned("C9", 1, "of another product", product_id="lid"),
        returned("C9", 1, "of another customer", user_id="bob"),
        returned("O7", 1, "of a guest", user_id=None, minute=20),
        bought("O7", 1, user_id=None, minute=10),
        bought("O8", 1, minute=30),
    )
    paired = by_id(resolved_events(events, None, GAP).where("event_type = 'return'"), "returned_order_id")
    assert paired == {
        "names its order": "O1",
        "only O1 sold enough": "O1",
        "the last that sold enough": "O2",
        "none sold enough: the last": "O2",
        "of another product": None,
        "of another customer": None,
        "of a guest": "O7",
    }


def test_only_what_new_rows_change_is_written_again(spark: SparkSession) -> None:
    first = good(spark, {"minute": 0}, {"minute": 50}, {"minute": 0, "user_id": "bob"})
    stored = resolved_events(first, None, GAP)
    between = good(spark, {"minute": 25, "event_id": "N", "batch_id": "b2"})
    changed = by_id(resolved_events(between, stored, GAP), "session_id")
    assert set(changed) == {"N", "E1"}
    assert changed["N"] == changed["E1"] == by_id(stored, "session_id")["E0"]


@pytest.mark.parametrize("seed", [1, 2])
def test_batches_one_after_the_other_give_what_all_at_once_give(spark: SparkSession, seed: int) -> None:
    rng = np.random.default_rng(seed)
    events = []
    for n in range(150):
        kind = str(rng.choice(["view", "purchase", "return", "rating"]))
        event: dict[str, Any] = {
            "event_id": f"E{rng.integers(110)}",
            "minute": int(rng.integers(600)),
            "event_type": kind,
        }
        event |= {"user_id": str(rng.choice(["ann", "bob", "cy"])), "product_id": str(rng.choice(["cup", "lid"]))}
        event |= {"batch_id": f"b{n * 3 // 150}", "row_id": f"r{n:03}"}
        if kind in ("purchase", "return"):
            event |= {"order_id": f"O{rng.integers(20)}", "quantity": int(rng.integers(1, 4))}
        events.append(event)
    everything = good(spark, *events)
    stored = everything.drop("row_id").limit(0).withColumn("returned_order_id", F.lit(None).cast("string"))
    for batch in ("b2", "b0", "b1"):
        new = resolved_events(everything.where(F.col("batch_id") == batch), stored, GAP).localCheckpoint()
        stored = stored.join(new, "event_id", "left_anti").unionByName(new).localCheckpoint()
    at_once = resolved_events(everything, None, GAP)
    assert sorted(map(str, stored.select(*COLUMNS.names).collect())) == sorted(map(str, at_once.collect()))
