"""The ingest job: every row once, what cannot be read aside, nothing written when the input is not as declared."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from cartograph.core.errors import UserError
from cartograph.ingest.drift import SchemaDrift
from cartograph.ingest.files import InputNotFound
from cartograph.ingest.plan import TooManyUnreadable
from cartograph.ingest.source import SourceError
from cartograph.runtime.job import Job
from tests.lake import Lake, declaration

LINES = {
    "format": "csv",
    "path": "orders",
    "options": {"header": True},
    "columns": {"no": "string", "item": "string", "pieces": "long", "at": "timestamp"},
}
EVENTS = {
    "input": "lines",
    "columns": {
        "order_id": "no",
        "product_id": "item",
        "quantity": "pieces",
        "event_at": "at",
        "event_type": "'purchase'",
    },
}
HALF = "ingest.max_quarantined_share=0.5"
HEAD = "no,item,pieces,at"


def csv(folder: Path, name: str, *lines: str, head: str = HEAD) -> Path:
    (folder / "in" / "orders").mkdir(parents=True, exist_ok=True)
    content = "\n".join([head, *lines]) + "\n"
    path = folder / "in" / "orders" / name
    path.write_bytes(gzip.compress(content.encode()) if name.endswith("gz") else content.encode())
    return path


def lake_of(spark: SparkSession, folder: Path, events: dict[str, Any] = EVENTS, *settings: str, **inputs: Any) -> Lake:
    lake = Lake(spark, folder, *settings)
    lake.declare("one", declaration(inputs={"lines": LINES, **inputs}, events=events))
    return lake


def test_every_row_comes_once_however_often_ingest_runs(spark: SparkSession, tmp_path: Path) -> None:
    lake, place = lake_of(spark, tmp_path, EVENTS, HALF), tmp_path / "in"
    may = csv(tmp_path, "may.csv", "A1,cup,2,2024-05-01 10:00:00", "A1,cup,2,2024-05-01 10:00:00", "A2,lid")
    csv(tmp_path, "june.csv.gz", "B1,jug,1,2024-06-01 10:00:00", "B2,cup,x,2024-06-02 10:00:00,,")
    csv(tmp_path, "bad.csv.gz").write_bytes(b"this is not gzip")
    lake.ingest("one", place)
    assert lake.rows("bronze.events", "source", "order_id", "product_id", "quantity", "event_at", "source_file") == [
        ("one", "A1", "cup", "2", "2024-05-01 10:00:00", "may.csv"),
        ("one", "A1", "cup", "2", "2024-05-01 10:00:00", "may.csv"),
        ("one", "B1", "jug", "1", "2024-06-01 10:00:00", "june.csv.gz"),
    ]
    assert lake.read("bronze.events").select("row_id").distinct().count() == 3
    aside = lake.rows("bronze.quarantine", "source_file", "reason", "raw")
    assert aside[0][0] == "bad.csv.gz"
    assert aside[0][1].startswith("the file cannot be read as csv: ")
    assert "not a gzip file" in aside[0][1] or "incorrect header" in aside[0][1]
    assert aside[1:] == [
        ("june.csv.gz", "the line cannot be read", "B2,cup,x,2024-06-02 10:00:00,,"),
        ("may.csv", "the line cannot be read", "A2,lid"),
    ]
    assert lake.rows("bronze.batches", "source_file", "target", "n_read", "n_kept", "n_quarantined") == [
        ("bad.csv.gz", "events", 0, 0, 0),
        ("june.csv.gz", "events", 2, 1, 1),
        ("may.csv", "events", 3, 2, 1),
    ]
    before = lake.versions()
    shutil.copy(may, tmp_path / "in" / "orders" / "copy.csv")
    may.rename(tmp_path / "in" / "orders" / "renamed.csv")
    lake.ingest("one", place)
    assert lake.versions() == before
    csv(tmp_path, "july.csv", "C1,pan,1,2024-07-01 10:00:00")
    lake.ingest("one", place)
    assert len(lake.rows("bronze.events", "order_id")) == 4
    assert lake.read("bronze.batches").count() == 4


def test_a_run_that_was_stopped_is_completed_by_the_next(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    products = {"input": "lines", "group_by": ["product_id"], "columns": {"product_id": "item", "n_seen": "count(*)"}}
    lake = Lake(spark, tmp_path, HALF)
    lake.declare("one", declaration(inputs={"lines": LINES}, events=EVENTS, products=products))
    csv(tmp_path, "may.csv", "A1,cup,2,2024-05-01 10:00:00", "A1,jug,2,2024-05-01 10:00:00", "A2,lid")

    def stop_before(table: str) -> None:
        for call in ("append", "merge"):
            real = getattr(Job, call)

            def stopping(job: Job, name: str, *rest: Any, real: Any = real, **more: Any) -> Any:
                if name == table:
                    raise KeyboardInterrupt
                return real(job, name, *rest, **more)

            monkeypatch.setattr(Job, call, stopping)
        with pytest.raises(KeyboardInterrupt):
            lake.ingest("one", tmp_path / "in")
        monkeypatch.undo()

    stop_before("bronze.products")
    csv(tmp_path, "june.csv", "B1,cup,1,2024-06-01 10:00:00")
    stop_before("bronze.quarantine")
    stop_before("bronze.batches")
    lake.ingest("one", tmp_path / "in")
    assert lake.rows("bronze.events", "order_id", "product_id") == [("A1", "cup"), ("A1", "jug"), ("B1", "cup")]
    assert lake.rows("bronze.products", "product_id", "n_seen") == [("cup", "1"), ("cup", "1"), ("jug", "1")]
    assert lake.read("bronze.quarantine").count() == 2  # the line, once for each table that it feeds
    counts = lake.rows("bronze.batches", "source_file", "target", "n_read", "n_kept", "n_quarantined")
    assert counts == [
        ("june.csv", "events", 1, 1, 0),
        ("june.csv", "products", 1, 1, 0),
        ("may.csv", "events", 3, 2, 1),
        ("may.csv", "products", 3, 2, 1),
    ]


@pytest.mark.parametrize(
    ("head", "line", "message"),
    [
        ("number,item,pieces,at", "A1,cup,2,2024-05-01", "column 'no' is missing"),
        ("no,items,pieces,at", "A1,cup,2,2024-05-01", "column 'item' is missing; was it renamed to 'items'?"),
        (HEAD, "A1,cup,many,2024-05-01", "column 'pieces' does not hold long values, for example 'many'"),
    ],
)
def test_drift_stops_before_anything_is_written(
    spark: SparkSession, tmp_path: Path, head: str, line: str, message: str
) -> None:
    lake = lake_of(spark, tmp_path)
    csv(tmp_path, "may.csv", "A1,cup,2,2024-05-01")
    csv(tmp_path, "june.csv", line, head=head)
    with pytest.raises(SchemaDrift) as error:
        lake.ingest("one", tmp_path / "in")
    assert message in str(error.value)
    assert "june.csv" in str(error.value)
    assert lake.versions() == {}


def test_more_unreadable_lines_than_allowed_stop_the_run(spark: SparkSession, tmp_path: Path) -> None:
    lake = lake_of(spark, tmp_path)
    csv(tmp_path, "may.csv", *["A1,cup,2,2024-05-01"] * 97, *["A1,cup"] * 2)
    with pytest.raises(TooManyUnreadable, match=r"2 of 99 lines for bronze.events .*2 of them in may.csv"):
        lake.ingest("one", tmp_path / "in")
    assert lake.versions() == {}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.csv", b"", "empty.csv: the file is empty or holds no readable line"),
        ("broken.csv.gz", b"no gzip at all", "broken.csv.gz: the file cannot be read as csv"),
    ],
)
def test_files_that_cannot_be_read_stop_the_run(
    spark: SparkSession, tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    lake = lake_of(spark, tmp_path)
    csv(tmp_path, name).write_bytes(content)
    with pytest.raises(TooManyUnreadable) as error:
        lake.ingest("one", tmp_path / "in")
    assert message in str(error.value)
    assert "1 of 1 files" in str(error.value)
    assert lake.versions() == {}


def test_a_file_that_breaks_off_is_set_aside_as_a_whole(spark: SparkSession, tmp_path: Path) -> None:
    lake = lake_of(spark, tmp_path, EVENTS, HALF)
    csv(tmp_path, "may.csv", "A1,cup,2,2024-05-01")
    many = [f"B{n},item{n * 7919 % 1013},{n},2024-05-01" for n in range(50_000)]
    june = csv(tmp_path, "june.csv.gz", *many)
    june.write_bytes(june.read_bytes()[:-50_000])
    lake.ingest("one", tmp_path / "in")
    assert lake.rows("bronze.events", "order_id") == [("A1",)]
    [(file, reason)] = lake.rows("bronze.quarantine", "source_file", "reason")
    assert file == "june.csv.gz"
    assert reason == "the file is truncated: EOFException: Unexpected end of input stream"


@pytest.mark.parametrize(
    ("events", "message"),
    [
        (EVENTS | {"columns": {"product_id": "itm"}}, "the expression of events.product_id does not fit the input"),
        (EVENTS | {"columns": {"product_id": "item +"}}, "the expression of events.product_id does not fit the input"),
        (EVENTS | {"where": "piece > 1"}, "the expression of events.where does not fit the input"),
        (EVENTS | {"join": {"shelves": "item"}}, "input 'shelves' has 2 rows of item 'cup'"),
        (EVENTS | {"join": {"shelves": "shelf"}}, "events joins shelves by 'shelf'"),
        (EVENTS | {"columns": {"product_id": "cast(item AS INT)"}}, "the rows for bronze.events cannot be computed"),
    ],
)
def test_expressions_and_joins_that_do_not_fit_are_named(
    spark: SparkSession, tmp_path: Path, events: dict[str, Any], message: str
) -> None:
    shelves = {"format": "csv", "path": "shelves.csv", "options": {"header": True}}
    shelves |= {"columns": {"item": "string", "shelf": "string"}}
    lake = lake_of(spark, tmp_path, events, shelves=shelves)
    csv(tmp_path, "may.csv", "A1,cup,2,2024-05-01")
    (tmp_path / "in" / "shelves.csv").write_text("item,shelf\ncup,1\ncup,2\n")
    with pytest.raises((SourceError, UserError)) as error:
        lake.ingest("one", tmp_path / "in")
    assert message in str(error.value)


def test_a_wrong_path_is_reported_with_its_input(spark: SparkSession, tmp_path: Path) -> None:
    lake = lake_of(spark, tmp_path)
    with pytest.raises(InputNotFound, match=r"input 'lines' of source 'one': there is nothing at .*/nowhere/orders"):
        lake.ingest("one", tmp_path / "nowhere")


def test_json_columns_may_be_left_out_of_any_number_of_lines(spark: SparkSession, tmp_path: Path) -> None:
    lines = {
        "format": "json",
        "columns": {"item": "string", "user": "string"},
        "optional": {"more": "map", "n": "long"},
    }
    events = {"input": "lines", "columns": {"product_id": "item", "user_id": "user", "quantity": "n"}}
    products = {"input": "lines", "columns": {"product_id": "item", "attributes": "more"}}
    lake = Lake(spark, tmp_path)
    lake.declare("one", declaration(inputs={"lines": lines}, events=events, products=products))
    (tmp_path / "in").mkdir()
    guests = '{"item": "cup", "more": {"size": 5, "colour": "red"}}\n' * 1500
    (tmp_path / "in" / "a.json").write_text(guests + '{"item": "jug", "user": "ann"}\n')
    lake.ingest("one", tmp_path / "in")
    users = lake.read("bronze.events").groupBy("user_id").count().collect()
    assert {row["user_id"]: row["count"] for row in users} == {None: 1500, "ann": 1}
    attributes = {row.product_id: row.attributes for row in lake.read("bronze.products").collect()}
    assert attributes == {"cup": {"size": "5", "colour": "red"}, "jug": None}
