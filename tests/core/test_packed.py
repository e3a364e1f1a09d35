"""Numbers packed into binary columns come back as they were."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from cartograph.core.pairs.packed import lengths_of, packed, starts_of, unpacked, unpacked_together


def test_numbers_come_back_row_by_row_and_together() -> None:
    first, second = np.array([3, -1], np.int32), np.array([], np.int32)
    column = pa.chunked_array([packed(first), packed(second), packed(first)])
    assert unpacked(column[0], np.int32).tolist() == [3, -1]
    assert unpacked_together(column, np.int32).tolist() == [3, -1, 3, -1]


def test_starts_are_where_parts_begin_and_give_their_lengths_back() -> None:
    lengths = np.array([2, 0, 3], np.int32)
    assert starts_of(lengths).tolist() == [0, 2, 2, 5]
    assert lengths_of(starts_of(lengths)).tolist() == [2, 0, 3]
