"""Deliveries as shops really make them, from their files to baskets: one lake with a source of each kind.

Two sources are declared wrongly at first. Nothing is written until they are declared right and ingested again.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from cartograph.preprocess.limits import SourceMisread
from cartograph.preprocess.settings import LimitSettings
from tests.lake import Lake, declaration

LENIENT = LimitSettings(share=1.0, shares={}, mixed_orders=1.0, min_rows=20)
MAY = "2025-05-{:02} {:02}:00:00"
TYPES = {"pieces": "double", "price": "double", "at": "timestamp"}
LINE = {
    "order_id": "receipt",
    "user_id": "customer",
    "product_id": "item",
    "event_type": "'purchase'",
    "event_at": "at",
}
Rows = Iterable[tuple[object, ...]]


def declare(lake: Lake, name: str, head: str, more: dict[str, str] | None = None, **parts: Any) -> None:
    """Declares a source of CSV files whose columns are those of `head`, typed by their names."""
    columns = {column: TYPES.get(column, "string") for column in head.split(",")} | parts.pop("types", {})
    lines = {"format": "csv", "options": {"header": "true", **parts.pop("options", {})}, "columns": columns}
    events = {"input": "lines", "columns": LINE | (more or {})}
    lake.declare(name, declaration(inputs={"lines": lines}, events=events, **parts))


def deliver(lake: Lake, name: str, file: str, head: str, rows: Rows, sep: str = ",") -> Path:
    path = lake.folder / "in" / name
    path.mkdir(parents=True, exist_ok=True)
    lines = [head.replace(",", sep), *(sep.join(str(value) for value in row) for row in rows)]
    (path / file).write_text("\n".join(lines) + "\n")
    return path


PRICED = "receipt,customer,item,pieces,price,at"
PLAIN = "receipt,customer,item,at"
TILL = "till,receipt,customer,item,at"


def deliver_all(lake: Lake) -> None:
    """All sources but those declared wrongly."""
    pieces = {"quantity": "pieces", "unit_price": "price"}
    declare(lake, "piece", PRICED, pieces)
    soap = [(f"K{n}", f"u{n}", "soap", 1, 1.5, MAY.format(5, 9 + n)) for n in range(4)]
    salt = [(f"K{n}", f"u{n}", "salt", 1, 0.8, MAY.format(5, 9 + n)) for n in range(4)]
    deliver(lake, "piece", "day.csv", PRICED, [*soap, *salt, *soap])
    deliver(lake, "piece", "again.csv", PRICED, [*soap, *soap, *salt])  # other bytes, the same lines
    for name in ("web", "shop"):
        declare(lake, name, "id," + PLAIN, {"event_id": "id"})
        rows = [(n, f"{name}{n}", f"{name}u{n % 3}", f"g{n % 5}", MAY.format(6, 8 + n)) for n in range(1, 13)]
        deliver(lake, name, "day.csv", "id," + PLAIN, rows)
    visit = "customer,visit,item,kind,at"
    declare(lake, "clicks", visit, {"event_type": "kind", "session_id": "visit", "order_id": "CAST(NULL AS STRING)"})
    seen = [
        (f"v{n}", 1 + v, f"red{1 + i}", "view", MAY.format(7 + v, 9)) for n in range(3) for v in (0, 1) for i in (0, 1)
    ]
    deliver(lake, "clicks", "day.csv", visit, seen)
    declare(lake, "grocer", PRICED, pieces)
    deliver(
        lake,
        "grocer",
        "day.csv",
        PRICED,
        [(f"W{n}", f"u{n}", "apples", 0.4 + n / 10, 2.99, MAY.format(8, 9 + n)) for n in range(10)],
    )
    declare(lake, "letters", PLAIN)
    deliver(
        lake,
        "letters",
        "day.csv",
        PLAIN,
        [(f"L{n}", f"u{n}", item, MAY.format(9, 9 + n)) for n in range(5) for item in ("M", "POST", "S")],
    )
    declare(lake, "sheets", PLAIN)
    deliver(
        lake,
        "sheets",
        "january.csv",
        PLAIN,
        [(1, 4711, "cup", MAY.format(1, 9)), (2, 4712, "cup", MAY.format(2, 9)), (3, "", "cup", MAY.format(3, 9))],
    )
    names = ("4711.0", " 4712.0", "nan", "NULL", "N/A")
    rows = [(f"{4 + n}.0", name, "jug", MAY.format(4 + n, 9)) for n, name in enumerate(names)]
    deliver(lake, "sheets", "february.csv", PLAIN, rows)
    declare(lake, "clock", PLAIN)
    clock = deliver(
        lake,
        "clock",
        "day.csv",
        PLAIN,
        [("Z0", "u0", "q0", MAY.format(5, 9)), ("Z1", "u0", "q1", "2099-01-01 09:00:00")],
    )
    os.utime(clock / "day.csv", (datetime(2025, 6, 1).timestamp(),) * 2)
    deliver_catalogues(lake)


def deliver_catalogues(lake: Lake) -> None:
    """Two days of everything that a shop sells: the bowl is not in the second one."""
    head = "item,left,at"
    columns = {"item": "string", "left": "string", "at": "timestamp"}
    mapping = {"input": "list", "columns": {"product_id": "item", "stock": "left", "seen_at": "at"}}
    form = {"format": "csv", "options": {"header": "true"}, "columns": columns}
    lake.declare("list", declaration(inputs={"list": form}, products=mapping, cleaning={"catalogue": "whole"}))
    deliver(lake, "list", "1.csv", head, [("bowl", 3, MAY.format(5, 6)), ("vase", 3, MAY.format(5, 6))])
    deliver(lake, "list", "2.csv", head, [("vase", 0, MAY.format(6, 6))])


def declare_till(lake: Lake, **cleaning: Any) -> Path:
    declare(lake, "till", TILL, {"till": "till"}, cleaning=cleaning)
    rows = [
        (till, receipt, f"{till}-{day}-{receipt}", f"{till}{item}", MAY.format(day, 8 + receipt))
        for till in ("T1", "T2") for day in (5, 6) for receipt in range(1, 6) for item in "xy"
    ]  # fmt: skip
    return deliver(lake, "till", "day.csv", TILL, rows)


def declare_german(lake: Lake, **cleaning: Any) -> Path:
    types = {"price": "string", "at": "string"}
    declare(lake, "german", PRICED, {"unit_price": "price"}, types=types, options={"sep": ";"}, cleaning=cleaning)
    rows = [(f"G{n}", f"u{n}", f"h{n}", 1, f'"1.0{n:02},50"', f"{5 + n % 20:02}.05.2025 09:00") for n in range(30)]
    return deliver(lake, "german", "day.csv", PRICED, rows, sep=";")


@pytest.fixture(scope="module")
def messages(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> tuple[Lake, list[str], list[list[str]]]:
    """The lake in the end, what stopped the first two runs, and which tables there were then."""
    lake = Lake(spark, tmp_path_factory.mktemp("deliveries"))
    deliver_all(lake)
    errors: list[str] = []
    tables: list[list[str]] = []
    attempts: list[dict[str, Any]] = [{}, {"german": {"dates": "day_first", "decimals": "comma", "thousands": "point"}}]
    for attempt in [*attempts, {**attempts[1], "till": {"orders_per": ["till", "day"]}}]:
        declare_german(lake, **attempt.get("german", {}))
        declare_till(lake, **attempt.get("till", {}))
        delivered = sorted(path.name for path in (lake.folder / "in").iterdir())
        for name in ["german", "till"] if errors else delivered:
            lake.ingest(name, lake.folder / "in" / name)
        try:
            lake.preprocess()
        except SourceMisread as error:
            errors.append(str(error))
            tables.append(list(lake.versions()))
    return lake, errors, tables


def test_a_source_that_is_misread_stops_the_run_before_anything_is_written(
    messages: tuple[Lake, list[str], list[list[str]]],
) -> None:
    _, [misread, mixed], tables = messages
    assert (
        "30 of 30 events of german (100.0 %): bad_time, for example event_at '05.05.2025 09:00' is not a time"
        in misread
    )
    assert "cleaning: {dates: day_first" in misread
    assert "5 of 5 orders of till (40 of 40 lines) hold several customers" in mixed
    assert "orders_per: [store, till, day: whichever apply]} in conf/sources/till.yml" in mixed
    assert tables == [["bronze.batches", "bronze.events", "bronze.products"]] * 2


def of_source(lake: Lake, name: str, source: str, *columns: str) -> list[tuple[Any, ...]]:
    rows = lake.read(name)
    rows = rows.where(f"order_id LIKE '{source}:%'") if name == "silver.baskets" else rows.where(f"source = '{source}'")
    return sorted((tuple(row) for row in rows.select(*columns).collect()), key=str)


def test_equal_lines_add_up_and_a_second_delivery_counts_once(messages: tuple[Lake, Any, Any]) -> None:
    lake = messages[0]
    assert of_source(lake, "silver.baskets", "piece", "order_id", "product_ids") == [
        (f"piece:K{n}", ["salt", "soap"]) for n in range(4)
    ]
    sold = of_source(lake, "silver.events", "piece", "product_id", "quantity", "unit_price", "n_lines")
    assert sold == [("salt", 1.0, 0.8, 1)] * 4 + [("soap", 2.0, 1.5, 2)] * 4
    ledger = of_source(lake, "silver.ledger", "piece", "n_in", "n_kept", "n_merged", "n_quarantined", "n_duplicates")
    assert [sum(column) for column in zip(*ledger, strict=True)] == [24, 8, 4, 0, 12]


def test_ids_are_unique_within_their_source(messages: tuple[Lake, Any, Any]) -> None:
    lake = messages[0]
    for source in ("web", "shop"):
        assert len(of_source(lake, "silver.events", source, "event_id")) == 12
    visits = of_source(lake, "silver.events", "clicks", "session_id", "product_id")
    assert len({session for session, _ in visits}) == 6
    assert len(visits) == 12


def test_receipts_of_tills_and_days_are_orders_of_their_own(messages: tuple[Lake, Any, Any]) -> None:
    found = of_source(messages[0], "silver.baskets", "till", "product_ids")
    assert found == [(["T1x", "T1y"],)] * 10 + [(["T2x", "T2y"],)] * 10


def test_weights_names_and_prices_are_kept_as_they_are(messages: tuple[Lake, Any, Any]) -> None:
    lake = messages[0]
    assert sum(row[0] for row in of_source(lake, "silver.events", "grocer", "quantity")) == pytest.approx(8.5)
    assert of_source(lake, "silver.baskets", "letters", "product_ids") == [(["M", "POST", "S"],)] * 5
    german = of_source(lake, "silver.events", "german", "product_id", "unit_price", "event_at")
    assert german[0] == ("h0", 1000.5, datetime(2025, 5, 5, 9))
    assert len(german) == 30


def test_what_the_next_catalogue_lacks_is_no_longer_listed(messages: tuple[Lake, Any, Any]) -> None:
    found = of_source(messages[0], "silver.listings", "list", "product_id", "stated_at", "is_listed", "stock")
    first, second = datetime(2025, 5, 5, 6), datetime(2025, 5, 6, 6)
    assert found == [
        ("bowl", first, True, 3), ("bowl", second, False, None), ("vase", first, True, 3), ("vase", second, True, 0),
    ]  # fmt: skip


def test_customers_who_went_through_a_spreadsheet_are_themselves(messages: tuple[Lake, Any, Any]) -> None:
    baskets = of_source(messages[0], "silver.baskets", "sheets", "order_id", "user_id")
    buyers = [user for _, user in baskets]
    assert sorted(buyers.count(user) for user in {user for user in buyers if user}) == [2, 2]
    assert buyers.count(None) == 4


def test_events_dated_after_their_file_was_written_are_set_aside(messages: tuple[Lake, Any, Any]) -> None:
    lake = messages[0]
    [(rule, reason)] = of_source(lake, "silver.quarantine", "clock", "rule", "reason")
    assert rule == "future_time"
    assert reason == "event_at '2099-01-01 09:00:00' lies after 2025-06-02 00:00, when the row was known"
    assert len(lake.rows("silver.quarantine", "row_id")) == 1


def test_what_silver_has_is_read_anew_when_it_is_asked_for(
    messages: tuple[Lake, Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last test, as it changes the lake."""
    lake = messages[0]
    said: list[str] = []
    monkeypatch.setattr(lake.suite.progress, "say", said.append)
    before = [len(lake.rows(name, "source")) for name in ("silver.events", "silver.ledger")]
    declare(lake, "letters", PLAIN, cleaning={"not_product_ids": ["M"]})
    lake.ingest("letters", lake.folder / "in" / "letters")
    lake.preprocess()
    assert of_source(lake, "silver.baskets", "letters", "product_ids") == [(["M", "POST", "S"],)] * 5
    lake.suite.config = lake.suite.config.model_copy(
        update={"preprocess": lake.suite.config.preprocess.model_copy(update={"limits": LENIENT})}
    )
    lake.ingest("letters", lake.folder / "in" / "letters", again=True)
    lake.preprocess()
    assert of_source(lake, "silver.baskets", "letters", "product_ids") == [(["POST", "S"],)] * 5
    after = [len(lake.rows(name, "source")) for name in ("silver.events", "silver.ledger")]
    assert after == [before[0] - 5, before[1]]
    assert "1 earlier batches were read under another declaration of letters; --again reads them again" in said
    assert "  batches were ingested again: silver is rebuilt completely" in said
