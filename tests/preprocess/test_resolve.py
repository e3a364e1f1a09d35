"""Rows seen together: versions of an event, sessions, returns with orders; several runs give what one gives."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from cartograph.core.tables.schema import table
from cartograph.preprocess.events import content_of_stored
from cartograph.preprocess.resolve import resolved_events
from cartograph.preprocess.versions import with_outcomes

START = datetime(2024, 5, 1, 10)
COLUMNS = table("silver.events").columns
GAP = 30


def good(spark: SparkSession, *events: dict[str, Any]) -> DataFrame:
    """Good events: minutes after START, user ann, product cup, batch b1, an id of their own unless given."""
    rows = []
    for n, event in enumerate(events):
        at = START + timedelta(minutes=event.pop("minute", n))
        usual = {"event_id": f"s:E{n}", "user_id": "ann", "product_id": "cup", "event_type": "view", "batch_id": "b1"}
        usual |= {"event_at": at, "event_on": at.date(), "source": "s", "row_id": f"r{n:03}", "delivery": ""}
        rows.append(usual | event)
    names = [name for name in COLUMNS.names if name not in ("returned_order_id", "n_lines")]
    types = [f"{name} {COLUMNS[name].dataType.simpleString()}" for name in names]
    columns = [*names, "row_id", "delivery"]
    made = spark.createDataFrame(
        [tuple(row.get(name) for name in columns) for row in rows],
        ", ".join([*types, "row_id string, delivery string"]),
    )
    return made.withColumn("content", content_of_stored())


def resolved(events: DataFrame, stored: DataFrame | None = None) -> DataFrame:
    return resolved_events(with_outcomes(events, stored), stored, GAP)


def by_id(events: DataFrame, column: str) -> dict[str, Any]:
    return {row["event_id"].removeprefix("s:"): row[column] for row in events.collect()}


def outcomes(events: DataFrame, stored: DataFrame | None = None) -> dict[str, tuple[str, float | None, int]]:
    rows = with_outcomes(events, stored).where("is_new").collect()
    return {row.row_id: (row.outcome, row.quantity, row.n_lines) for row in rows}


def test_of_events_with_one_id_the_latest_content_is_kept_and_others_are_conflicts(spark: SparkSession) -> None:
    events = good(
        spark,
        {"event_id": "s:E", "minute": 5, "product_id": "last"},
        {"event_id": "s:E", "minute": 1, "product_id": "first"},
        {"event_id": "s:E", "minute": 5, "product_id": "last", "batch_id": "b0"},
        {"event_id": "s:F", "minute": 2},
    )
    assert by_id(resolved(events), "product_id") == {"E": "last", "F": "cup"}
    found = {row: outcome for row, (outcome, *_) in outcomes(events).items()}
    assert found == {"r000": "kept", "r001": "conflict", "r002": "duplicate", "r003": "kept"}


def test_equal_lines_of_an_order_add_up_and_a_second_delivery_counts_once(spark: SparkSession) -> None:
    line = {"event_id": "s#soap", "order_id": "K1", "event_type": "purchase", "quantity": 2.0, "minute": 0}
    view = {"event_id": "s#view", "minute": 0}
    events = good(
        spark,
        *[dict(line) for _ in range(3)],
        *[line | {"batch_id": "b0"} for _ in range(2)],
        *[line | {"delivery": "sheet"} for _ in range(2)],
        *[dict(view) for _ in range(2)],
        {"event_id": "s#salt", "order_id": "K1", "event_type": "purchase", "minute": 0},
        {"event_id": "s#salt", "order_id": "K1", "event_type": "purchase", "minute": 0},
    )
    found = sorted(outcomes(events).values(), key=str)
    soap = [("kept", 6.0, 3), ("merged", 2.0, 1), ("merged", 2.0, 1), *[("duplicate", 2.0, 1)] * 4]
    others = [("kept", None, 1), ("duplicate", None, 1), ("kept", 2.0, 2), ("merged", None, 1)]
    assert found == sorted(soap + others, key=str)
    stored = resolved(events.where("batch_id = 'b1'"))
    late = events.where("batch_id = 'b0'")
    assert {outcome for outcome, *_ in outcomes(late, stored).values()} == {"duplicate"}
    more = good(spark, *[line | {"batch_id": "b2"} for _ in range(4)])
    assert sorted(outcomes(more, stored).values()) == [("kept", 8.0, 4), *[("merged", 2.0, 1)] * 3]
    assert by_id(resolved(more, stored), "quantity") == {"s#soap": 8.0}


def test_a_longer_pause_than_the_gap_starts_a_new_session(spark: SparkSession) -> None:
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
    sessions = by_id(resolved(events), "session_id")
    assert sessions["E0"] == sessions["E1"] != sessions["E2"]
    assert sessions["E0"].startswith("gap-ann-")
    assert sessions["E3"] == "given"
    assert sessions["E4"] is sessions["E5"] is None
    assert sessions["E6"].startswith("gap-bob-")


def test_returns_are_matched_to_the_order_they_return(spark: SparkSession) -> None:
    def bought(order: str, quantity: int, **more: Any) -> dict[str, Any]:
        return {"event_type": "purchase", "order_id": order, "quantity": float(quantity), **more}

    def returned(order: str | None, quantity: int, event_id: str, **more: Any) -> dict[str, Any]:
        line = {"event_type": "return", "order_id": order, "quantity": float(quantity)}
        return line | {"event_id": f"s:{event_id}"} | more

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
    paired = by_id(resolved(events).where("event_type = 'return'"), "returned_order_id")
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
    stored = resolved(first)
    between = good(spark, {"minute": 25, "event_id": "s:N", "batch_id": "b2"})
    changed = by_id(resolved(between, stored), "session_id")
    assert set(changed) == {"N", "E1"}
    assert changed["N"] == changed["E1"] == by_id(stored, "session_id")["E0"]


@pytest.mark.parametrize("seed", [1, 2])
def test_batches_one_after_the_other_give_what_all_at_once_give(spark: SparkSession, seed: int) -> None:
    rng = np.random.default_rng(seed)
    events = []
    for n in range(150):
        kind = str(rng.choice(["view", "purchase", "return", "rating"]))
        event: dict[str, Any] = {
            "event_id": f"s:E{rng.integers(60)}" if rng.random() < 0.5 else f"s#E{n}",
            "minute": int(rng.integers(600)),
            "event_type": kind,
        }
        event |= {"user_id": str(rng.choice(["ann", "bob", "cy"])), "product_id": str(rng.choice(["cup", "lid"]))}
        event |= {"batch_id": f"b{n * 3 // 150}", "row_id": f"r{n:03}"}
        if kind in ("purchase", "return"):
            event |= {"order_id": f"O{rng.integers(20)}", "quantity": float(rng.integers(1, 4))}
        events.append(event)
    events += [
        dict(events[int(n)], batch_id=f"b{rng.integers(3)}") for n in rng.integers(0, 150, 40)
    ]  # delivered again
    everything = good(spark, *events)
    stored = resolved(everything).limit(0)
    for batch in ("b2", "b0", "b1"):
        new = resolved(everything.where(F.col("batch_id") == batch), stored).localCheckpoint()
        stored = stored.join(new, "event_id", "left_anti").unionByName(new).localCheckpoint()
    at_once = resolved(everything)
    assert sorted(map(str, stored.select(*COLUMNS.names).collect())) == sorted(map(str, at_once.collect()))
