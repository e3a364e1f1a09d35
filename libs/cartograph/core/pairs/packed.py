"""Flat arrays of numbers in binary columns, which send baskets between tasks without an object per item."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from cartograph.core.pairs.kernels import Codes, Longs

Numbers = NDArray[Any]


def packed(numbers: Numbers) -> pa.Array:
    """A binary column of one row with the numbers."""
    return pa.array([numbers.tobytes()], pa.binary())


def unpacked(value: pa.BinaryScalar, kind: type[np.generic]) -> Numbers:
    """The numbers of one row of such a column."""
    return np.frombuffer(value.as_buffer(), kind)


def unpacked_together(column: pa.ChunkedArray, kind: type[np.generic]) -> Numbers:
    """The numbers of all rows of such a column, concatenated."""
    return np.concatenate([unpacked(value, kind) for value in column])


def starts_of(lengths: Numbers) -> Longs:
    """The starts of parts of these lengths, and the end of the last."""
    return np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])


def lengths_of(starts: Longs) -> Codes:
    """The lengths of the parts: the inverse of `starts_of`."""
    return np.diff(starts).astype(np.int32)
