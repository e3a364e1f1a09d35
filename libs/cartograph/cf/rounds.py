"""A worker's ratings of one side, sorted, and cut into rounds that bound how many rows of the other side it holds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from cartograph.cf.objective import Objective
from cartograph.cf.solvers import Codes, Floats, Starts
from cartograph.core.workers import Group

ROUND_RATINGS = 4_000_000  # a round names at most so many rows of the other side: 1 GB at rank 64

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Round:
    """Consecutive rows of a side, from the worker's row `first` on, with all their ratings, compressed.

    `columns` count through the rows fetched for the round, which come rank by rank; `wanted[r]` lists which of our
    own rows (of the other side) rank r fetches for its round of the same number.
    """

    first: int
    starts: Starts
    columns: Codes
    confidences: Floats
    targets: Floats
    ridges: Floats
    wanted: list[Codes]


@dataclass(frozen=True)
class Side:
    """A worker's rows of one side, solved round by round; every member has the same number of rounds."""

    n_rows: int
    rounds: list[Round]

    @classmethod
    def of(cls, group: Group, ratings: pa.Table, side: int, objective: Objective, round_ratings: int) -> Side:
        """Sorts the ratings of one side, and tells the others which rows are needed when.

        Args:
            group: all members call this together.
            ratings: side, code, column, weight.
            side: which of the ratings count.
            objective: gives the ratings their confidences and targets.
            round_ratings: most ratings in a round, unless a single row has more.
        """
        own = ratings.filter(pc.equal(ratings.column("side"), side))
        rows, columns = (own.column(name).to_numpy() for name in ("code", "column"))
        # By row, then column: the sums of a row do not depend on the order in which its ratings arrived.
        order = np.lexsort((columns, rows))
        starts = np.concatenate(([0], np.cumsum(np.bincount(rows // group.size)))).astype(np.int64)
        columns, weights = columns[order], own.column("weight").to_numpy()[order]
        ridges = objective.ridges(starts, weights)
        confidences, targets = objective.confidences(weights), objective.targets(weights)
        bounds = list(cut(starts, round_ratings))
        n_rounds = int(max(part[0] for part in group.exchange([np.array([len(bounds)])] * group.size)))
        bounds += [(len(starts) - 1, len(starts) - 1)] * (n_rounds - len(bounds))
        rounds = []
        for first, last in bounds:
            some = slice(starts[first], starts[last])
            places, needed = named(columns[some], group.size)
            rounds.append(
                Round(
                    first, starts[first : last + 1] - starts[first], places, confidences[some], targets[some],
                    ridges[first:last], group.exchange(needed),
                )
            )  # fmt: skip
        return cls(len(starts) - 1, rounds)


def cut(starts: Starts, most: int) -> Iterator[tuple[int, int]]:
    """First row and the one after the last, of runs of rows with at most `most` ratings; a row alone may have more."""
    first, n_rows = 0, len(starts) - 1
    while first < n_rows:
        last = int(np.searchsorted(starts, starts[first] + most, side="right")) - 1
        last = max(last, first + 1)
        yield first, last
        first = last


def named(columns: Codes, n_workers: int) -> tuple[Codes, list[Codes]]:
    """Where each column stands among the distinct ones, put in order of their worker; and those of each worker.

    The latter as rows of that worker: code // n_workers.
    """
    distinct = np.unique(columns)
    by_owner = np.lexsort((distinct, distinct % n_workers))
    place = np.empty(len(distinct), dtype=np.int32)
    place[by_owner] = np.arange(len(distinct), dtype=np.int32)
    ordered = distinct[by_owner]
    needed = [(ordered[ordered % n_workers == rank] // n_workers).astype(np.int32) for rank in range(n_workers)]
    return place[np.searchsorted(distinct, columns)], needed
