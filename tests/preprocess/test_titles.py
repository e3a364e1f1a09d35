"""Titles are normalised, and of several the right one is shown."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from cartograph.preprocess.titles import normalised, normalised_titles, shown_titles


@pytest.mark.parametrize(
    ("given_title", "expected"),
    [
        ("  White  Hanging\tHeart ", "White Hanging Heart"),
        ("Cups &amp; Saucers&nbsp;", "Cups & Saucers"),
        ("Cups &amp;amp; Saucers", "Cups & Saucers"),
        ("Ａｃｍｅ　Ｊｕｇ", "Acme Jug"),
        ("zero\u200bwidth\ufeff soft\u00adhyphen", "zerowidth softhyphen"),
        ("Oil 500 ML", "Oil 500ml"),
        ("Oil 500ML.", "Oil 500ml"),
        ("Juice 1.5 Ltr, 6 x 330 Ml", "Juice 1.5l, 6 x 330ml"),
        ("Flour 2 LBS 500 gr", "Flour 2lb 500g"),
        ("Set of 3 in a box", "Set of 3 in a box"),
        ("Model 12G4", "Model 12G4"),
        ("", ""),
    ],
)
def test_titles_are_normalised(given_title: str, expected: str) -> None:
    assert normalised(given_title) == expected


@given(st.text())
def test_normalising_leaves_no_needless_blank(text: str) -> None:
    made = normalised(text)
    assert made == " ".join(made.split())


def test_a_column_keeps_its_nulls_and_empty_titles_become_null(spark: SparkSession) -> None:
    frame = spark.createDataFrame([("a  b",), ("&nbsp;",), (None,)], "title string").coalesce(1)
    assert [row[0] for row in frame.select(normalised_titles("title")).collect()] == ["a b", None, None]


def test_the_newest_title_of_a_catalogue_is_shown_or_else_the_most_frequent(spark: SparkSession) -> None:
    may, june = datetime(2024, 5, 1), datetime(2024, 6, 1)
    records = [
        ("listed", "Old Jug", may, None),
        ("listed", "New Jug", june, None),
        ("listed", "jug on a line", june, 1000),
        ("sold", "CUP", may, 5),
        ("sold", "Cup", may, 6),
        ("sold", "Teacup", june, 10),
        ("bare", None, may, None),
        ("undated", "Pot", None, None),
    ]
    frame = spark.createDataFrame(records, "product_id string, title string, seen_at timestamp, n_seen long")
    shown = {row.product_id: row.title for row in shown_titles(frame).collect()}
    assert shown == {"listed": "New Jug", "sold": "Cup", "undated": "Pot"}
