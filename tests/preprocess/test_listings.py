"""What catalogues list from delivery to delivery: dumps, changes, and undeclared ones."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from cartograph.preprocess.listings import deliveries, listings, stated, whole_sources

# source, batch, product, day of May (0: none), stock, is_listed, rule, n_seen
RECORDS: list[tuple[Any, ...]] = [
    # Dumps: b is gone on the 20th and back on the 25th; the price of a cannot be read on the 20th.
    ("dumps", "d01", "a", 1, 5, None, None, None), ("dumps", "d01", "b", 1, 5, None, None, None),
    ("dumps", "d20", "a", 20, 5, None, "bad_price", None), ("dumps", "d20", "c", 20, None, None, None, None),
    ("dumps", "d25", "a", 25, None, None, None, None), ("dumps", "d25", "b", 25, 0, None, None, None),
    ("dumps", "d25", "c", 25, None, None, None, None),
    # A dump in two files whose rows have the times of their last change; f is gone in the next.
    ("parts", "p1", "e", 3, 1, None, None, None), ("parts", "p1", "f", 10, 1, None, None, None),
    ("parts", "p2", "g", 10, 1, None, None, None), ("parts", "p2", "postage", 10, 1, None, "not_a_product", None),
    ("parts", "p3", "e", 3, 1, None, None, None), ("parts", "p3", "g", 20, 1, None, None, None),
    # Changes: products that are not named stay as they were, and so does a missing stock.
    ("changes", "c1", "h", 1, 5, None, None, None), ("changes", "c1", "i", 1, 0, None, None, None),
    ("changes", "c2", "i", 9, None, True, None, None), ("changes", "c3", "i", 12, None, False, None, None),
    ("changes", "c0", "h", 0, 9, None, None, None),
    # Undeclared: dumps of three products, and changes of one or two.
    ("looks whole", "w1", "k", 1, 1, None, None, None), ("looks whole", "w1", "l", 1, 1, None, None, None),
    ("looks whole", "w1", "m", 1, 1, None, None, None), ("looks whole", "w2", "k", 2, 1, None, None, None),
    ("looks whole", "w2", "l", 2, 1, None, None, None), ("looks whole", "w2", "n", 2, 1, None, None, None),
    ("looks partial", "x1", "o", 1, 1, None, None, None), ("looks partial", "x1", "p", 1, 1, None, None, None),
    ("looks partial", "x2", "o", 2, 2, None, None, None),
    # Products of order lines, month by month.
    ("lines", "l1", "q", 1, None, None, None, 7), ("lines", "l2", "r", 2, None, None, None, 7),
]  # fmt: skip
DECLARED = {"dumps": "whole", "parts": "whole", "changes": "changes"}


@pytest.fixture(scope="module")
def records(spark: SparkSession) -> DataFrame:
    rows = [
        (source, batch, f"{batch}:{n}", product, datetime(2025, 5, day) if day else None, stock, listed, rule, n_seen)
        for n, (source, batch, product, day, stock, listed, rule, n_seen) in enumerate(RECORDS)
    ]
    return spark.createDataFrame(
        rows, "source string, batch_id string, row_id string, product_id string, seen_at timestamp, stock long, "
        "is_listed boolean, rule string, n_seen long",
    )  # fmt: skip


@pytest.fixture(scope="module")
def found(spark: SparkSession, records: DataFrame) -> dict[tuple[str, str], list[tuple[int, bool, int | None]]]:
    """Per source and product: day of May, is_listed, stock, in order of time."""
    words = {record[1]: DECLARED.get(record[0], "auto") for record in RECORDS}
    rows = stated(records).persist()
    batches = deliveries(rows, spark.createDataFrame(list(words.items()), "batch_id string, deliveries string"))
    whole = whole_sources(rows, batches)
    assert whole == ["looks whole"]
    states: dict[tuple[str, str], list[tuple[int, bool, int | None]]] = {}
    for row in listings(rows, batches, whole).orderBy("stated_at").collect():
        day = row.stated_at.day if row.stated_at.year == 2025 else 0
        states.setdefault((row.source, row.product_id), []).append((day, row.is_listed, row.stock))
    return states


def test_a_product_missing_from_a_dump_is_gone_until_one_has_it_again(found: dict[tuple[str, str], Any]) -> None:
    assert found["dumps", "b"] == [(1, True, 5), (20, False, None), (25, True, 0)]


def test_a_row_with_an_unreadable_price_lists_its_product_and_an_unchanged_state_is_no_row(
    found: dict[tuple[str, str], Any],
) -> None:
    assert found["dumps", "a"] == [(1, True, 5), (25, True, None)]
    assert found["dumps", "c"] == [(20, True, None)]


def test_a_dump_may_consist_of_several_files_with_the_time_of_each_change(
    found: dict[tuple[str, str], Any],
) -> None:
    assert found["parts", "e"] == [(10, True, 1)]
    assert found["parts", "f"] == [(10, True, 1), (20, False, None)]
    assert found["parts", "g"] == [(10, True, 1)]
    assert ("parts", "postage") not in found


def test_changes_leave_other_products_and_missing_stocks_as_they_were(found: dict[tuple[str, str], Any]) -> None:
    assert found["changes", "h"] == [(0, True, 9), (1, True, 5)]
    assert found["changes", "i"] == [(1, True, 0), (12, False, 0)]


def test_deliveries_that_repeat_most_of_the_previous_one_are_complete(found: dict[tuple[str, str], Any]) -> None:
    assert found["looks whole", "m"] == [(1, True, 1), (2, False, None)]
    assert found["looks partial", "p"] == [(1, True, 1)]


def test_products_of_order_lines_are_not_listed(found: dict[tuple[str, str], Any]) -> None:
    assert not [product for source, product in found if source == "lines"]


def test_a_dump_after_changes_removes_the_products_it_lacks(spark: SparkSession, records: DataFrame) -> None:
    """A feed of changes with a complete catalogue once in a while."""
    words = [("c1", "changes"), ("c2", "changes"), ("w2", "whole")]
    few = records.where("batch_id IN ('c1', 'c2')").replace("changes", "one", "source")
    later = records.where("batch_id = 'w2' AND product_id = 'k'").replace("looks whole", "one", "source")
    rows = stated(few.unionByName(later))
    batches = deliveries(rows, spark.createDataFrame(words, "batch_id string, deliveries string"))
    states = listings(rows, batches).where("product_id IN ('h', 'i')").orderBy("product_id", "stated_at").collect()
    assert [(row.product_id, row.stated_at.day, row.is_listed, row.stock) for row in states] == [
        ("h", 1, True, 5), ("h", 2, False, None), ("i", 1, True, 0), ("i", 2, False, None), ("i", 9, True, 0),
    ]  # fmt: skip
