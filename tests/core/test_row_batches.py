"""Rows keep their order and number however they are cut."""

from __future__ import annotations

import numpy as np
import pytest

from cartograph.core.training.row_batches import Column, Rows, n_rows_of, rebatched, shuffled

PARTS: list[Rows] = [{"id": np.arange(first, last)} for first, last in ((0, 7), (7, 8), (8, 20), (20, 23))]


@pytest.mark.parametrize("size", [1, 5, 12, 100])
def test_batches_have_one_size_but_the_last(size: int) -> None:
    batches = list(rebatched(iter(PARTS), size))
    assert np.concatenate([batch["id"] for batch in batches]).tolist() == list(range(23))
    assert {n_rows_of(batch) for batch in batches[:-1]} <= {size}
    assert 0 < n_rows_of(batches[-1]) <= size


def test_shuffling_mixes_rows_of_the_same_buffer_only() -> None:
    parts = list(shuffled(iter(PARTS), 8, np.random.default_rng(1)))
    assert [sorted(part["id"].tolist()) for part in parts] == [[*range(8)], [*range(8, 20)], [*range(20, 23)]]
    assert parts[1]["id"].tolist() != [*range(8, 20)]


def test_a_wide_column_is_put_together_from_flat_ones() -> None:
    rows = {"x__0": np.array([1, 2]), "x__1": np.array([3, 4])}
    assert Column("x", 2).of(rows).tolist() == [[1, 3], [2, 4]]
    assert Column("x", None).files == ["x"]
