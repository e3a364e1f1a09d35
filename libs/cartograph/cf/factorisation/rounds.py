"""A worker's ratings of one side, sorted, and split into rounds that bound how many rows of the other side it holds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from cartograph.cf.factorisation.objective import Objective
from cartograph.cf.factorisation.shards import Ratings, by_owner
from cartograph.cf.factorisation.solvers import Codes, Floats, Starts
from cartograph.core.workers.groups import Group

ROUND_RATINGS = 4_000_000  # A round refers to at most this many rows of the other side: 1 GB at rank 64.


@dataclass(frozen=True)
class Round:
    """Consecutive rows of a side, from the worker's row `first` on, with all their ratings, compressed.

    `columns` count through the rows fetched for the round, which come rank by rank; `requested[r]` lists which of our
    own rows (of the other side) rank r fetches for its round of the same index.
    """

    first: int
    starts: Starts
    columns: Codes
    confidences: Floats
    targets: Floats
    ridges: Floats
    requested: list[Codes]


@dataclass(frozen=True)
class Side:
    """A worker's rows of one side, solved round by round; every member has the same number of rounds.

    `is_learned` marks the rows that have a rating which counts: the others have no factor.
    """

    n_rows: int
    rounds: list[Round]
    is_learned: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, group: Group, ratings: Ratings, n_rows: int, objective: Objective, round_ratings: int) -> Side:
        """Sorts the ratings of one side, and lets the other members know which of their rows are needed in which round.

        Args:
            group: all members call this together.
            ratings: of the worker's own rows.
            n_rows: how many it has.
            objective: gives the ratings their confidences and targets.
            round_ratings: maximum of ratings in a round, unless a single row has more.
        """
        starts, columns, weights = compressed(ratings.rows, ratings.columns, ratings.weights, n_rows)
        ridges = objective.ridges(starts, weights)
        confidences, targets = objective.confidences(weights), objective.targets(weights)
        bounds = list(cut(starts, round_ratings))
        n_rounds = int(max(part[0] for part in group.exchange([np.array([len(bounds)])] * group.size)))
        bounds += [(n_rows, n_rows)] * (n_rounds - len(bounds))
        rounds = []
        for first, last in bounds:
            some = slice(starts[first], starts[last])
            positions, needed = located(columns[some], group.size)
            rounds.append(
                Round(
                    first, starts[first : last + 1] - starts[first], positions, confidences[some], targets[some],
                    ridges[first:last], group.exchange(needed),
                )
            )  # fmt: skip
        return cls(n_rows, rounds, objective.counts(starts, weights) > 0)


def fetched(group: Group, one: Round, others: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The group's rows of the other side that the round refers to, `others` being our own; all members call it."""
    parts = group.exchange([others[rows] for rows in one.requested])
    return np.concatenate(parts).reshape(-1, *others.shape[1:])


@njit(cache=True, nogil=True)
def compressed(rows: Codes, columns: Codes, weights: Floats, n_rows: int) -> tuple[Starts, Codes, Floats]:
    """The ratings by row, then column, so that sums do not depend on their order: row r has starts[r]:starts[r + 1]."""
    starts = np.zeros(n_rows + 1, np.int64)
    for row in rows:
        starts[row + 1] += 1
    starts = np.cumsum(starts)
    ends, cells = starts.copy(), np.empty(len(rows), np.int64)
    bits = weights.view(np.int32)
    for at in range(len(rows)):  # A cell holds column and weight, so that integers are all there is to sort.
        row = rows[at]
        cells[ends[row]] = (np.int64(columns[at]) << 32) | np.int64(np.uint32(bits[at]))
        ends[row] += 1
    for row in range(n_rows):
        cells[starts[row] : starts[row + 1]].sort()
    sorted_columns, sorted_bits = np.empty(len(rows), np.int32), np.empty(len(rows), np.int32)
    for at in range(len(rows)):
        sorted_columns[at] = cells[at] >> 32
        sorted_bits[at] = np.int32(cells[at] & 0xFFFFFFFF)
    return starts, sorted_columns, sorted_bits.view(np.float32)


def cut(starts: Starts, most: int) -> Iterator[tuple[int, int]]:
    """First row and the one after the last, of runs of rows with at most `most` ratings; a row alone may have more."""
    first, n_rows = 0, len(starts) - 1
    while first < n_rows:
        last = int(np.searchsorted(starts, starts[first] + most, side="right")) - 1
        last = max(last, first + 1)
        yield first, last
        first = last


def located(columns: Codes, n_workers: int) -> tuple[Codes, list[Codes]]:
    """The position of each column among the distinct ones, ordered by their worker; and those of each worker.

    The latter as rows of that worker: code // n_workers.
    """
    distinct = np.unique(columns)
    order, ends = by_owner(distinct, n_workers)
    position = np.empty(len(distinct), dtype=np.int32)
    position[order] = np.arange(len(distinct), dtype=np.int32)
    return position[np.searchsorted(distinct, columns)], np.split(distinct[order] // n_workers, ends[:-1])
