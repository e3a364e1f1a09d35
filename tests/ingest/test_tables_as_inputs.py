"""Delta and JDBC tables: their new rows come once, equal rows as often as they are there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from cartograph.ingest.drift import SchemaDrift
from cartograph.ingest.files import InputNotFound
from cartograph.ingest.inputs import table_name
from cartograph.ingest.source import Input, SourceError
from tests.lake import Lake, declaration

COLUMNS = "order_no string, item string, pieces int"
FIRST = [("A1", "cup", 1), ("A1", "cup", 1), ("A2", "jug", 2)]
EVENTS = {
    "input": "lines",
    "columns": {"order_id": "order_no", "product_id": "item", "quantity": "pieces", "event_type": "'purchase'"},
}
DERBY = {"dbtable": "lines", "driver": "org.apache.derby.iapi.jdbc.AutoloadedDriver"}


def lake_of(spark: SparkSession, folder: Path, form: str, **options: str) -> Lake:
    lines = {"format": form, "options": options, "columns": {"order_no": "string", "item": "string", "pieces": "long"}}
    lake = Lake(spark, folder)
    lake.declare("one", declaration(inputs={"lines": lines}, events=EVENTS))
    return lake


def lines(lake: Lake) -> list[tuple[Any, ...]]:
    return lake.rows("bronze.events", "order_id", "product_id", "quantity")


def test_rows_of_a_delta_table_come_once(spark: SparkSession, tmp_path: Path) -> None:
    lake, place = lake_of(spark, tmp_path, "delta"), f"{tmp_path}/shop/lines"
    spark.createDataFrame(FIRST, COLUMNS).coalesce(1).write.format("delta").save(place)
    lake.ingest("one", place)
    assert lines(lake) == [("A1", "cup", "1"), ("A1", "cup", "1"), ("A2", "jug", "2")]
    before = lake.versions()
    lake.ingest("one", place)
    assert lake.versions() == before
    spark.createDataFrame([("A1", "cup", 1), ("B1", "pan", 3)], COLUMNS).write.format("delta").mode("append").save(
        place
    )
    lake.ingest("one", place)
    assert lines(lake) == [("A1", "cup", "1")] * 3 + [("A2", "jug", "2"), ("B1", "pan", "3")]
    assert lake.rows("bronze.batches", "source_file", "n_read", "n_kept") == [(place, 2, 2), (place, 3, 3)]


def test_rows_of_a_database_come_once_and_its_password_is_not_written_down(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_DB_PASSWORD", "swordfish")
    url = f"jdbc:derby:{tmp_path}/db;create=true;user=reader;password=swordfish"
    rows = spark.createDataFrame(FIRST, COLUMNS)
    types = "order_no VARCHAR(20), item VARCHAR(20)"
    rows.write.format("jdbc").options(url=url, createTableColumnTypes=types, **DERBY).save()
    lake = lake_of(spark, tmp_path, "jdbc", password="${SHOP_DB_PASSWORD}", **DERBY)
    lake.ingest("one", url)
    lake.ingest("one", url)
    assert lines(lake) == [("A1", "cup", "1"), ("A1", "cup", "1"), ("A2", "jug", "2")]
    assert lake.rows("bronze.batches", "source_file", "n_kept") == [(f"jdbc:derby:{tmp_path}/db lines", 3)]


def test_a_table_that_is_missing_or_not_as_declared_is_reported(spark: SparkSession, tmp_path: Path) -> None:
    lake = lake_of(spark, tmp_path, "delta")
    with pytest.raises(InputNotFound, match=r"/nowhere cannot be read as delta: "):
        lake.ingest("one", f"{tmp_path}/nowhere")
    spark.createDataFrame(FIRST, "order_no string, thing string, pieces string").write.format("delta").save(
        f"{tmp_path}/other"
    )
    with pytest.raises(SchemaDrift) as error:
        lake.ingest("one", f"{tmp_path}/other")
    assert "column 'item' is missing" in str(error.value)
    assert "column 'pieces' is string, declared long" in str(error.value)
    assert lake.versions() == {}


def test_an_unreachable_database_and_a_missing_password_are_reported(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SHOP_DB_PASSWORD", raising=False)
    url = f"jdbc:derby:{tmp_path}/nowhere"
    with pytest.raises(InputNotFound, match=r"/nowhere lines cannot be read as jdbc: .*not found"):
        lake_of(spark, tmp_path, "jdbc", **DERBY).ingest("one", url)
    with pytest.raises(SourceError, match="need the environment variable SHOP_DB_PASSWORD"):
        lake_of(spark, tmp_path, "jdbc", password="${SHOP_DB_PASSWORD}", **DERBY).ingest("one", url)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("jdbc:postgresql://db/shop?user=reader&password=swordfish", "jdbc:postgresql://db/shop lines"),
        ("jdbc:postgresql://reader:swordfish@db:5432/shop", "jdbc:postgresql://reader:**********@db:5432/shop lines"),
        ("jdbc:oracle:thin:reader/swordfish@//db:1521/shop", "jdbc:oracle:thin:reader/**********@//db:1521/shop lines"),
        ("jdbc:sqlserver://db:1433;user=reader;password=swordfish", "jdbc:sqlserver://db:1433 lines"),
    ],
)
def test_a_database_is_named_without_its_password_however_the_url_gives_it(url: str, name: str) -> None:
    declared = Input(format="jdbc", columns={"a": "string"}, options={"dbtable": "lines"})
    assert table_name(declared, url) == name
