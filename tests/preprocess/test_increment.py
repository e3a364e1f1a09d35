"""Batches become silver on plain frames, without a lake: what is pending, what is checked, and what is written how."""

from __future__ import annotations

from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from cartograph.core.tables.schema import table
from cartograph.preprocess import ledger, silver_rows
from cartograph.preprocess.increment import Increment, increment, pending_batches
from cartograph.preprocess.limits import SourceMisread
from cartograph.preprocess.raw_rows import by_declaration
from cartograph.preprocess.row_checks import CheckedRows, check_rows
from cartograph.preprocess.settings import LimitSettings, PreprocessSettings
from tests.preprocess.conftest import KEY, PURCHASE, Raw

SETTINGS = PreprocessSettings()


class Frames:
    """Tables in a dict, in place of a job: a write is recorded, and seen by later reads."""

    def __init__(self, **tables: DataFrame) -> None:
        self.frames = {name.replace("__", "."): frame for name, frame in tables.items()}
        self.written: list[tuple[str, str]] = []

    @property
    def tables(self) -> Frames:
        return self

    def exists(self, name: str) -> bool:
        return name in self.frames

    def read(self, name: str, **equals: Any) -> DataFrame:
        frame = self.frames[name]
        for column, value in equals.items():
            frame = frame.where(frame[column] == value)
        return frame

    def replace(self, name: str, frame: DataFrame) -> None:
        self.written.append(("replace", name))
        self.frames[name] = frame.localCheckpoint()

    def merge(self, name: str, frame: DataFrame) -> None:
        key = list(table(name).key)
        self.written.append(("merge", name))
        new = frame.localCheckpoint()
        self.frames[name] = self.frames[name].join(new, key, "left_anti").unionByName(new).localCheckpoint()


def batches(spark: SparkSession, *rows: tuple[str, str, int], cleaning: str = "{}") -> DataFrame:
    """batch_id, target and n_kept of recorded batches of one source."""
    full = [
        ("s", batch, target, "f", n, n, 0, f"content of {batch}", "declared", cleaning) for batch, target, n in rows
    ]
    return spark.createDataFrame(full, table("bronze.batches").columns)


def done(spark: SparkSession, *ids: str) -> DataFrame:
    return spark.createDataFrame([(each, "s", 1, 1, 0, 0, 0) for each in ids], table("silver.ledger").columns)


def written_rows(update: Increment, checked: CheckedRows) -> dict[str, DataFrame]:
    """The rows of events and baskets, in the order of the job."""
    update.write("silver.events", silver_rows.of_events(update, checked, SETTINGS.session_gap_minutes))
    update.write("silver.baskets", silver_rows.of_baskets(update, checked))
    return {name: update.read(name) for name in ("silver.events", "silver.baskets")}


def test_the_batches_that_the_ledger_lacks_are_pending(spark: SparkSession) -> None:
    recorded = batches(spark, ("b1", "events", 3), ("b2", "users", 2))
    for nothing in (None, done(spark)):
        first = pending_batches(recorded, nothing)
        assert (first.batches.count(), first.is_first, first.is_again) == (2, True, False)
    later = pending_batches(recorded, done(spark, "b1"))
    assert [(row.batch_id, row.target, row.n_in) for row in later.batches.collect()] == [("b2", "users", 2)]
    assert (later.is_first, later.is_again) == (False, False)


def test_everything_is_pending_again_if_a_batch_of_the_ledger_is_no_longer_recorded(spark: SparkSession) -> None:
    again = pending_batches(batches(spark, ("b1", "events", 3), ("b3", "events", 3)), done(spark, "b1", "b2"))
    assert sorted(row.batch_id for row in again.batches.collect()) == ["b1", "b3"]
    assert (again.is_first, again.is_again) == (True, True)


def test_rows_are_grouped_by_the_declaration_of_their_batch(spark: SparkSession, raw: Raw) -> None:
    rows = raw("events", [PURCHASE]).unionByName(raw("events", [PURCHASE, PURCHASE], batch_id="b2"))
    rows = rows.unionByName(raw("events", [PURCHASE], batch_id="unrecorded"))
    recorded = batches(spark, ("b1", "events", 1)).unionByName(
        batches(spark, ("b2", "events", 2), cleaning='{"dates": "compact"}')
    )
    found = {cleaning.dates: frame.count() for frame, cleaning in by_declaration(rows, recorded)}
    assert found == {"iso": 1, "compact": 2}
    [(none, _)] = by_declaration(rows, recorded.limit(0))
    assert none.count() == 0


def test_the_first_increment_replaces_tables_and_a_later_one_merges_into_them(spark: SparkSession, raw: Raw) -> None:
    first = [PURCHASE | {"event_id": "E1"}, PURCHASE | {"event_id": "E2", "order_id": "O2", "quantity": "none"}]
    lake = Frames(bronze__batches=batches(spark, ("b1", "events", 2)), bronze__events=raw("events", first))
    with increment(lake, pending_batches(lake.read("bronze.batches"), None)) as update:
        checked = check_rows(update, KEY, SETTINGS, print)
        lake.replace("silver.quarantine", silver_rows.of_quarantine(update, checked, KEY))
        made = written_rows(update, checked)
        entries = silver_rows.of_ledger(update, checked)
        assert ledger.balanced_totals(entries) == {
            "n_in": 2, "n_kept": 1, "n_merged": 0, "n_quarantined": 1, "n_duplicates": 0,
        }  # fmt: skip
    assert {name: frame.count() for name, frame in made.items()} == {"silver.events": 1, "silver.baskets": 1}
    assert lake.written[1:] == [("replace", "silver.events"), ("replace", "silver.baskets")]

    second = [PURCHASE | {"event_id": "E3", "product_id": "lid"}, PURCHASE | {"event_id": "E4", "order_id": "O4"}]
    lake.frames["bronze.events"] = raw("events", first).unionByName(raw("events", second, batch_id="b2"))
    lake.frames["bronze.batches"] = batches(spark, ("b1", "events", 2), ("b2", "events", 2))
    with increment(lake, pending_batches(lake.read("bronze.batches"), entries)) as update:
        made = written_rows(update, check_rows(update, KEY, SETTINGS, print))
    orders = {row.order_id: row.product_ids for row in made["silver.baskets"].collect()}
    assert orders == {"s:O1": ["cup", "lid"], "s:O4": ["cup"]}
    assert made["silver.events"].count() == 3
    assert lake.written[3:] == [("merge", "silver.events"), ("merge", "silver.baskets")]


def test_what_the_next_of_undeclared_catalogues_lacks_is_gone(spark: SparkSession, raw: Raw) -> None:
    """No declaration says that they are whole: the second one repeats two of three products."""
    days = {day: f"2024-05-0{day} 06:00:00" for day in (1, 2)}
    first = [{"product_id": each, "seen_at": days[1], "row_id": f"1{each}"} for each in ("cup", "lid", "pan")]
    second = [{"product_id": each, "seen_at": days[2], "row_id": f"2{each}"} for each in ("cup", "lid")]
    lake = Frames(
        bronze__batches=batches(spark, ("b1", "products", 3), ("b2", "products", 2)),
        bronze__products=raw("products", first).unionByName(raw("products", second, batch_id="b2")),
    )
    with increment(lake, pending_batches(lake.read("bronze.batches"), None)) as update:
        rows = silver_rows.of_listings(update, check_rows(update, KEY, SETTINGS, print)).collect()
    assert sorted((row.product_id, row.stated_at.day, row.is_listed) for row in rows) == [
        ("cup", 1, True), ("lid", 1, True), ("pan", 1, True), ("pan", 2, False),
    ]  # fmt: skip


def test_contested_ids_are_reported_and_set_aside_whichever_event_is_newer(spark: SparkSession, raw: Raw) -> None:
    rows = [PURCHASE | {"event_id": "E1"}, PURCHASE | {"event_id": "E1", "event_at": "2024-05-02 10:00:00"}]
    lake = Frames(bronze__batches=batches(spark, ("b1", "events", 2)), bronze__events=raw("events", rows))
    reported: list[str] = []
    with increment(lake, pending_batches(lake.read("bronze.batches"), None)) as update:
        checked = check_rows(update, KEY, SETTINGS, reported.append)
        [aside] = silver_rows.of_quarantine(update, checked, KEY).collect()
    assert len(reported) == 1
    assert reported[0].startswith(
        "  set aside 1 of 2 events of s (50.0 %): conflicting_id, for example event_id 's:E1'"
    )
    assert (aside.row_id, aside.rule) == ("r0", "conflicting_id")


def test_a_misread_source_stops_the_increment_and_its_frames_are_released(spark: SparkSession, raw: Raw) -> None:
    rows = [PURCHASE | {"event_at": "31.05.2024 10:00"} for _ in range(3)]
    lake = Frames(bronze__batches=batches(spark, ("b1", "events", 3)), bronze__events=raw("events", rows))
    settings = PreprocessSettings(limits=LimitSettings(min_rows=2))
    with increment(lake, pending_batches(lake.read("bronze.batches"), None)) as update:
        kept = update.keep(lake.read("bronze.events"))
        with pytest.raises(SourceMisread, match="dates: day_first"):
            check_rows(update, KEY, settings, print)
        assert kept.is_cached
    assert not kept.is_cached
    assert lake.written == []
