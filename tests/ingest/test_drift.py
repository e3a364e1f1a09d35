"""Columns that are missing, renamed, retyped or new are reported by name."""

from __future__ import annotations

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import types as T

from cartograph.core.cleaning.declaration import Cleaning
from cartograph.ingest.drift import Comparison, SchemaDrift, compare, refuse, respelled
from cartograph.ingest.source import Input

DECLARED = {"order_no": "string", "pieces": "long", "price": "double", "at": "timestamp"}


pytestmark = pytest.mark.usefixtures("spark")


def problems(found: str, form: str = "parquet", **types: str) -> Comparison:
    declared = Input.model_validate({"format": form, "columns": {**DECLARED, **types}})
    schema = T.StructType.fromDDL(found)
    return compare("may.parquet", schema, declared)


def test_the_declared_columns_in_any_order_and_width_are_no_drift() -> None:
    assert problems("at timestamp, price decimal(9,2), pieces int, order_no string") == Comparison((), ())


def test_a_renamed_column_is_reported_with_its_likely_new_name() -> None:
    found = problems("OrderNo string, pieces long, price double, at timestamp")
    assert found.problems == (
        "may.parquet: column 'order_no' is missing; was it renamed to 'OrderNo'? "
        "(columns found: OrderNo, pieces, price, at)",
    )
    assert found.notices == ("may.parquet: new column 'OrderNo' is not used",)


def test_a_missing_column_without_a_similar_name_is_just_missing() -> None:
    assert problems("pieces long, price double, at timestamp").problems == (
        "may.parquet: column 'order_no' is missing (columns found: pieces, price, at)",
    )


def test_a_retyped_column_is_reported_with_both_types() -> None:
    found = problems("order_no long, pieces string, price double, at timestamp")
    assert found.problems == (
        "may.parquet: column 'order_no' is bigint, declared string",
        "may.parquet: column 'pieces' is string, declared long",
    )


def test_new_columns_are_reported_and_stop_nothing() -> None:
    found = problems("order_no string, pieces long, price double, at timestamp, colour string")
    assert found == Comparison((), ("may.parquet: new column 'colour' is not used",))
    refuse([found])


def test_all_problems_are_reported_at_once() -> None:
    with pytest.raises(SchemaDrift) as error:
        refuse([problems("pieces long, price string, at timestamp"), problems("order_no string, at timestamp")])
    message = str(error.value)
    assert [name for name in DECLARED if f"{name!r}" in message] == ["order_no", "pieces", "price"]


def test_values_of_a_text_format_are_cast_to_the_declared_type(spark: SparkSession) -> None:
    declared = Input.model_validate({"format": "csv", "columns": DECLARED})
    names = ", ".join(f"{name} string" for name in DECLARED)
    right = ("A1", "3", "2.50", "2024-05-01 10:00:00")
    wrong = ("A2", "three", "free", "yesterday")
    mostly_right = spark.createDataFrame([right, right, wrong, (None, None, None, None)], names)
    assert compare("a.csv", mostly_right.schema, declared, mostly_right).problems == ()
    mostly_wrong = spark.createDataFrame([right, wrong, wrong], names)
    assert compare("a.csv", mostly_wrong.schema, declared, mostly_wrong).problems == (
        "a.csv: column 'pieces' does not hold long values, for example 'three'",
        "a.csv: column 'price' does not hold double values, for example 'free'",
        "a.csv: column 'at' does not hold timestamp values, for example 'yesterday'",
    )


def test_an_object_where_json_should_hold_a_value_is_drift(spark: SparkSession) -> None:
    declared = Input.model_validate({"format": "json", "columns": {"item": "string"}})
    rows = spark.createDataFrame([((1, 2),)], "item struct<id: int, n: int>")
    assert compare("a.json", rows.schema, declared, rows).problems == (
        "a.json: column 'item' is struct<id:int,n:int>, declared string",
    )


def test_other_case_and_blanks_in_a_header_are_the_declared_name() -> None:
    declared = Input.model_validate({"format": "csv", "columns": DECLARED, "optional": {"colour": "string"}})
    found = ["\ufeffOrder_No", " PIECES ", "price", "Price", "colour ", "note"]
    assert respelled(found, declared) == {"\ufeffOrder_No": "order_no", " PIECES ": "pieces", "colour ": "colour"}
    assert respelled(["AT", "At"], declared) == {}


def test_values_are_cast_as_the_source_writes_them_and_otherwise_the_setting_is_named(spark: SparkSession) -> None:
    declared = Input.model_validate({"format": "csv", "columns": DECLARED})
    rows = [("K1", "1", "1.000,50", "31.05.2025 09:00"), ("K2", "2", "0,79", "01.06.2025 10:00")]
    sample = spark.createDataFrame(rows, "order_no string, pieces string, price string, at string")
    assert compare("may.csv", sample.schema, declared, sample).problems == (
        "may.csv: column 'price' does not hold double values, for example '0,79'; declare "
        "cleaning: {decimals: comma, thousands: point} if they are written this way",
        "may.csv: column 'at' does not hold timestamp values, for example '01.06.2025 10:00'; declare "
        "cleaning: {dates: day_first} if they are written this way",
    )
    german = Cleaning(dates="day_first", decimals="comma", thousands="point")
    assert compare("may.csv", sample.schema, declared, sample, german) == Comparison((), ())
