"""The native engine of ALS: both sides' factors stay in the memory of a worker group, which solves and exchanges them.

Customer u and product i belong to the worker of rank u mod n and i mod n. A worker holds the ratings of its customers
and, once more, those of its products; before it solves for one side it fetches the rows of the other side that its
ratings name, and no others (ALX, Mehta et al. 2021). Memory of a worker, in bytes, for rank k:
24 ratings / n for the ratings of both sides, and 4 k (own rows + fetched rows) for factors.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from threadpoolctl import threadpool_limits

from cartograph.cf.solvers import Codes, Floats, Starts, improve, solve_exactly
from cartograph.core.workers import Group, placed, run_group, slots

_USERS, _ITEMS = 0, 1
_CG_STEPS = 3
_RATINGS = pa.schema({"side": pa.int8(), "row": pa.int32(), "column": pa.int32(), "weight": pa.float32()})
_ROWS_PER_BATCH = 10_000


@dataclass(frozen=True)
class Objective:
    """What is minimised, and how."""

    rank: int
    iterations: int
    alpha: float
    regularisation: float
    solver: str
    seed: int


def native_factors(
    ratings: DataFrame, objective: Objective, n_workers: int | None = None
) -> tuple[DataFrame, DataFrame]:
    """Factors of customers and of products, each as code, vector; the same for any number of workers.

    Args:
        ratings: user, item (codes 0, 1, 2 … without gaps), rating; one row per pair.
        objective: see `Als`.
        n_workers: tasks of the group; None: one per core.

    Raises:
        TooFewSlots: fewer cores than workers.
    """
    n_workers = n_workers or slots(ratings.sparkSession)
    sides = []
    for side, (row, column) in enumerate((("user", "item"), ("item", "user"))):
        place = F.pmod(row, F.lit(n_workers)).alias("block")
        sides.append(
            ratings.select(place, F.lit(side).cast("byte").alias("side"), F.col(row).alias("row"),
                           F.col(column).alias("column"), F.col("rating").cast("float").alias("weight"))
        )  # fmt: skip
    blocks = placed(sides[0].unionByName(sides[1]), "block", n_workers)
    schema = "side byte, code int, vector array<float>"
    factors = run_group(blocks, partial(factorise, objective=objective), schema)
    users, items = (factors.where(F.col("side") == side).select("code", "vector") for side in (_USERS, _ITEMS))
    return users, items


def factorise(group: Group, batches: Iterable[pa.RecordBatch], objective: Objective) -> Iterator[pa.RecordBatch]:
    """One worker's part: the factors of its customers and products, as side, code, vector."""
    own = list(batches)
    ratings = pa.Table.from_batches(own) if own else _RATINGS.empty_table()
    sides = [Side.of(group, ratings, side) for side in (_USERS, _ITEMS)]
    factors = [
        np.zeros((sides[_USERS].n_rows, objective.rank), dtype=np.float32),
        first_factors(np.arange(sides[_ITEMS].n_rows) * group.size + group.rank, objective.rank, objective.seed),
    ]
    with threadpool_limits(1, user_api="blas"):
        for _ in range(objective.iterations):
            for side in (_USERS, _ITEMS):
                _solve(group, sides[side], factors[1 - side], factors[side], objective)
    for side in (_USERS, _ITEMS):
        yield from _batches(side, factors[side], group)


def first_factors(codes: npt.NDArray[np.int64], rank: int, seed: int) -> Floats:
    """Random factors in ±1/√rank that depend on code and seed alone, not on which worker makes them (SplitMix64)."""
    with np.errstate(over="ignore"):
        cells = codes.astype(np.uint64)[:, None] * np.uint64(rank) + np.arange(rank, dtype=np.uint64)
        mixed = (cells + np.uint64(seed) * np.uint64(0xD1342543DE82EF95)) * np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    share = (mixed >> np.uint64(11)).astype(np.float64) / 2.0**53
    factors: Floats = ((2 * share - 1) / np.sqrt(rank)).astype(np.float32)
    return factors


@dataclass(frozen=True)
class Side:
    """A worker's ratings by its rows of one side, compressed, and how to get the rows of the other side they name.

    `columns` count through the fetched rows, which come rank by rank; `wanted[r]` lists which of our own rows (of the
    other side) rank r fetches.
    """

    starts: Starts
    columns: Codes
    weights: Floats
    wanted: list[npt.NDArray[np.int64]]

    @property
    def n_rows(self) -> int:
        """Rows of this side that the worker owns."""
        return len(self.starts) - 1

    @classmethod
    def of(cls, group: Group, ratings: pa.Table, side: int) -> Side:
        """Sorts the ratings of one side, and tells the others which rows are needed."""
        own = ratings.filter(pc.equal(ratings.column("side"), side))
        rows, columns = (own.column(name).to_numpy().astype(np.int64) for name in ("row", "column"))
        n_columns = int(columns.max(initial=-1)) + 1
        # By row, then column: the sums of a row do not depend on the order in which its ratings arrived.
        order = np.argsort(rows * n_columns + columns)
        rows, columns = rows[order] // group.size, columns[order]
        starts = np.concatenate(([0], np.cumsum(np.bincount(rows))))
        named, columns = np.unique((columns % group.size) * n_columns + columns, return_inverse=True)
        owners, codes = named // max(n_columns, 1), named % max(n_columns, 1)
        needed = [codes[owners == rank] // group.size for rank in range(group.size)]
        weights = own.column("weight").to_numpy()[order].astype(np.float32)
        return cls(starts.astype(np.int64), columns.astype(np.int32), weights, group.exchange(needed))


def _solve(group: Group, side: Side, others: Floats, solved: Floats, objective: Objective) -> None:
    """Brings the factors `solved` of one side up to date with the group's factors of the other, `others` being ours."""
    gram = group.sum(others.T.astype(np.float64) @ others).astype(np.float32)
    fetched = np.concatenate(group.exchange([others[rows] for rows in side.wanted])).reshape(-1, objective.rank)
    given = (side.starts, side.columns, side.weights, fetched, gram, objective.alpha, objective.regularisation, solved)
    if objective.solver == "cholesky":
        solve_exactly(*given)
    else:
        improve(*given, _CG_STEPS)


def _batches(side: int, factors: Floats, group: Group) -> Iterator[pa.RecordBatch]:
    """The worker's factors of one side as side, code, vector."""
    for first in range(0, len(factors), _ROWS_PER_BATCH):
        some: Any = factors[first : first + _ROWS_PER_BATCH]
        codes = (np.arange(first, first + len(some)) * group.size + group.rank).astype(np.int32)
        offsets = pa.array(np.arange(0, some.size + 1, some.shape[1], dtype=np.int32))
        vectors = pa.ListArray.from_arrays(offsets, pa.array(some.ravel()))
        sides = pa.array(np.full(len(some), side, dtype=np.int8))
        yield pa.RecordBatch.from_arrays([sides, pa.array(codes), vectors], names=["side", "code", "vector"])
