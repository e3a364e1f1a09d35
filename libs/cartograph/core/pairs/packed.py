"""Flat arrays of numbers in binary columns: how baskets travel between tasks without an object per item."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from cartograph.core.pairs.kernels import Codes, Longs

Numbers = NDArray[Any]


def packed(numbers: Numbers) -> pa.Array:
    """A binary column of one row that holds the numbers."""
    return pa.array([numbers.tobytes()], pa.binary())


def unpacked(value: pa.BinaryScalar, kind: type[np.generic]) -> Numbers:
    """The numbers of one row of such a column."""
    return np.frombuffer(value.as_buffer(), kind)


def unpacked_together(column: pa.ChunkedArray, kind: type[np.generic]) -> Numbers:
    """The numbers of all its rows, one after another."""
    return np.concatenate([unpacked(value, kind) for value in column])


def starts_of(lengths: Numbers) -> Longs:
    """Where each of the parts of these lengths starts, and the end."""
    return np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])


def lengths_of(starts: Longs) -> Codes:
    """The lengths of the parts, as `starts_of` took them."""
    return np.diff(starts).astype(np.int32)
