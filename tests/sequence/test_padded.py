"""Histories become rows of one length: the newest known products, their types, and the time between them."""

from __future__ import annotations

from itertools import pairwise

import pyarrow as pa
from pyspark.sql import SparkSession

from cartograph.sequence.padded import N_GAPS, padded, windows

PRODUCTS = pa.array(["a", "b", "c", "d"])
HISTORIES = pa.RecordBatch.from_pydict(
    {
        "user_id": ["u1", "u2", "u3", "u4", "u5"],
        "product_ids": pa.array([["a", "x", "b", "c", "d"], [], ["x"], None, ["d", "d"]]),
        "types": pa.array([[1, 2, 3, 4, 5], [], [1], None, [3, 3]], pa.list_(pa.int32())),
        "ats": pa.array([[0, 5, 100, 100, 10**9], [], [7], None, [100, 104]], pa.list_(pa.int64())),
    }
)


def test_the_newest_known_products_are_kept_and_the_rest_is_padding() -> None:
    rows = padded(HISTORIES, PRODUCTS, 3)
    assert rows.items.tolist() == [[2, 3, 4], [0, 0, 0], [0, 0, 0], [0, 0, 0], [4, 4, 0]]
    assert rows.types.tolist() == [[3, 4, 5], [0, 0, 0], [0, 0, 0], [0, 0, 0], [3, 3, 0]]
    assert rows.lengths.tolist() == [3, 0, 0, 0, 2]


def test_gaps_are_doublings_of_the_seconds_since_the_event_before() -> None:
    rows = padded(HISTORIES, PRODUCTS, 3)
    assert rows.gaps.tolist() == [[0, 1, N_GAPS - 1], [0, 0, 0], [0, 0, 0], [0, 0, 0], [0, 3, 0]]


def test_unknown_types_and_times_are_zeros() -> None:
    nothing = pa.nulls(5, pa.list_(pa.int64()))
    unknown = pa.RecordBatch.from_pydict({"product_ids": HISTORIES["product_ids"], "types": nothing, "ats": nothing})
    rows = padded(unknown, PRODUCTS, 4)
    assert rows.items.tolist()[0] == [1, 2, 3, 4]
    assert not rows.types.any()
    assert not rows.gaps.any()


def test_every_step_of_a_long_history_is_in_exactly_one_window(spark: SparkSession) -> None:
    lengths = (1, 2, 4, 5, 7, 11)
    rows = [(f"u{n}", [f"p{place}" for place in range(n)], list(range(n)), list(range(n)), ["p1"]) for n in lengths]
    named = "user_id string, product_ids array<string>, types array<int>, ats array<bigint>, mask array<string>"
    found = windows(spark.createDataFrame(rows, named), 3).collect()
    for user, product_ids, *_ in rows:
        own = [row for row in found if row.user_id == user]
        steps = [step for row in own for step in pairwise(row.product_ids)]
        assert sorted(steps) == sorted(pairwise(product_ids))
        assert all(len(row.product_ids) <= 4 for row in own)
        assert [row.product_ids[-1] for row in own if row.is_newest] == [product_ids[-1]]
        assert all(row.mask == ["p1"] for row in own)
        assert all(row.types == row.ats == [int(name[1:]) for name in row.product_ids] for row in own)
