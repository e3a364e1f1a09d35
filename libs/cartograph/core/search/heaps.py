"""Compiled kernels that keep the k best scores of a row: binary heaps in plain arrays, the worst entry at the root.

An entry is a score and a position; of equal scores the later position is worse. Free slots hold minus infinity and
position -1.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from numba import njit

Scores = npt.NDArray[np.floating[Any]]
Positions = npt.NDArray[np.int64]


def empty_heaps(n_rows: int, k: int, dtype: type[np.floating[Any]] = np.float32) -> tuple[Scores, Positions]:
    """Scores and positions of `n_rows` heaps with `k` free slots each."""
    return np.full((n_rows, k), -np.inf, dtype=dtype), np.full((n_rows, k), -1, dtype=np.int64)


@njit(cache=True, nogil=True, inline="always")
def is_worse(score: float, position: int, other_score: float, other_position: int) -> bool:
    """Whether an entry ranks after another."""
    return score < other_score or (score == other_score and position > other_position)


@njit(cache=True, nogil=True)
def replace_worst(scores: Scores, positions: Positions, score: float, position: int) -> None:
    """Puts an entry in the place of the root and lets it sink to where it belongs."""
    k = len(scores)
    hole = 0
    while True:
        child = 2 * hole + 1
        if child >= k:
            break
        other = child + 1
        if other < k and is_worse(scores[other], positions[other], scores[child], positions[child]):
            child = other
        if not is_worse(scores[child], positions[child], score, position):
            break
        scores[hole], positions[hole] = scores[child], positions[child]
        hole = child
    scores[hole], positions[hole] = score, position


@njit(cache=True, nogil=True)
def order_best_first(scores: Scores, positions: Positions) -> None:
    """Sorts each row's heap in place: highest score first, equal scores by position, free places last."""
    n_rows, k = scores.shape
    for row in range(n_rows):
        for end in range(k - 1, 0, -1):
            score, position = scores[row, 0], positions[row, 0]
            replace_worst(scores[row, :end], positions[row, :end], scores[row, end], positions[row, end])
            scores[row, end], positions[row, end] = score, position


def best_lists(scores: Scores, positions: Positions, names: pa.Array) -> tuple[pa.ListArray, pa.ListArray]:
    """Each row's heap, best first, as a list of the names at its positions and a list of its scores."""
    order_best_first(scores, positions)
    filled = positions >= 0
    ends = pa.array(np.concatenate(([0], np.cumsum(filled.sum(axis=1)))), pa.int32())
    values = (names.take(pa.array(positions[filled])), pa.array(scores[filled]))
    return pa.ListArray.from_arrays(ends, values[0]), pa.ListArray.from_arrays(ends, values[1])
