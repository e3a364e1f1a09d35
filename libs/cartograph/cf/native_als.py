"""The native engine of ALS: both sides' factors stay in the memory of a worker group, which solves and exchanges them.

Customer u and product i belong to the worker of rank u mod n and i mod n. A worker holds the ratings of its customers
and, once more, those of its products. It solves a side in rounds: for each it fetches the rows of the other side that
the round's ratings name, and no others (ALX, Mehta et al. 2021). Bytes that a worker needs, for rank k and n workers:
32 ratings / n for the ratings of both sides (three times that while they are sorted), 4 k (customers + products) / n
for factors, and 4 k ROUND_RATINGS, or 4 k times the ratings of the busiest row if it has more, for what is fetched.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from threadpoolctl import threadpool_limits

from cartograph.cf.checkpoints import checkpoints_of
from cartograph.cf.objective import Objective, Schedule
from cartograph.cf.rounds import ROUND_RATINGS, Side
from cartograph.cf.solvers import Floats, improve, solve_exactly
from cartograph.core.workers import Group, placed, run_group, slots

USERS, ITEMS = 0, 1
_CG_STEPS = 3
STATE = "side byte, code int, vector array<float>"
_ROWS_PER_BATCH = 10_000


def native_factors(
    ratings: DataFrame, objective: Objective, schedule: Schedule, n_workers: int | None = None
) -> tuple[DataFrame, DataFrame]:
    """Factors of customers and of products, each as code, vector; the same for any number of workers.

    With `schedule.checkpoint_every` a job that was ended goes on after the last saved iteration when it is run again
    on the same ratings with the same objective.

    Args:
        ratings: user, item (codes 0, 1, 2 … without gaps), rating; one row per pair.
        objective: what is minimised.
        schedule: how.
        n_workers: tasks of the group; None: one per core.

    Raises:
        TooFewSlots: fewer cores than workers.
    """
    n_workers = n_workers or slots(ratings.sparkSession)
    every = schedule.checkpoint_every or schedule.iterations
    checkpoints = checkpoints_of(ratings, objective, schedule) if every < schedule.iterations else None
    done, state = checkpoints.newest(STATE) if checkpoints else (0, None)
    while done < schedule.iterations:
        n_iterations = min(every, schedule.iterations - done)
        work = partial(factorise, objective=objective, schedule=schedule, n_iterations=n_iterations)
        state = run_group(_blocks(ratings, state, n_workers), work, STATE)
        done += n_iterations
        if checkpoints and done < schedule.iterations:
            state = checkpoints.saved(done, state)
    if state is None:
        raise ValueError(f"ALS needs at least one iteration, not {schedule.iterations}")
    kept = state
    users, items = (kept.where(F.col("side") == side).select("code", "vector") for side in (USERS, ITEMS))
    if checkpoints:
        checkpoints.clear()
    return users, items


def _blocks(ratings: DataFrame, state: DataFrame | None, n_workers: int) -> DataFrame:
    """What each worker is given, one partition each: its ratings of either side, and its factors if there are any."""
    nothing = F.lit(None).cast("array<float>")
    parts = [
        ratings.select(
            F.lit(side).cast("byte").alias("side"),
            F.col(row).alias("code"),
            F.col(column).alias("column"),
            F.col("rating").cast("float").alias("weight"),
            nothing.alias("vector"),
        )
        for side, (row, column) in enumerate((("user", "item"), ("item", "user")))
    ]
    if state is not None:
        no_rating = [F.lit(None).cast("int").alias("column"), F.lit(None).cast("float").alias("weight")]
        parts.append(state.select("side", "code", *no_rating, "vector"))
    rows = parts[0]
    for part in parts[1:]:
        rows = rows.unionByName(part)
    return placed(rows.withColumn("block", F.pmod("code", F.lit(n_workers))), "block", n_workers)


def factorise(
    group: Group,
    batches: Iterable[pa.RecordBatch],
    objective: Objective,
    schedule: Schedule,
    n_iterations: int,
    round_ratings: int = ROUND_RATINGS,
) -> Iterator[pa.RecordBatch]:
    """One worker's part: the factors of its customers and products after `n_iterations`, as side, code, vector.

    `batches` hold side, code, column, weight (a rating) or side, code, vector (a factor to start from).
    """
    rows = _table(batches)
    ratings = rows.filter(pc.is_valid(rows.column("column"))).drop_columns(["vector"])
    sides = [Side.of(group, ratings, side, objective, round_ratings) for side in (USERS, ITEMS)]
    factors = _first_state(group, rows.filter(pc.is_null(rows.column("column"))), sides, objective.rank, schedule.seed)
    del rows, ratings
    with threadpool_limits(1, user_api="blas"):  # a task has one core
        for _ in range(n_iterations):
            for side in (USERS, ITEMS):
                solve_side(group, sides[side], factors[1 - side], factors[side], objective, schedule)
    for side in (USERS, ITEMS):
        codes = np.arange(len(factors[side])) * group.size + group.rank
        yield from factor_rows(side, codes, factors[side])


def solve_side(
    group: Group, side: Side, others: Floats, solved: Floats, objective: Objective, schedule: Schedule
) -> None:
    """Brings the factors `solved` of one side up to date with the group's factors of the other, `others` being ours."""
    gram = group.sum(objective.gram(others)).astype(np.float32)
    for one in side.rounds:
        parts = group.exchange([others[rows] for rows in one.wanted])
        fetched = np.concatenate(parts).reshape(-1, objective.rank)
        given = (one.starts, one.columns, one.confidences, one.targets, one.ridges, fetched, gram)
        rows = solved[one.first : one.first + len(one.ridges)]
        if schedule.device == "cuda":
            from cartograph.cf.torch_solver import improve_on  # two seconds that the others need not wait

            improve_on(schedule.device, *given, rows, _CG_STEPS)
        elif schedule.solver == "cholesky":
            solve_exactly(*given, rows)
        else:
            improve(*given, rows, _CG_STEPS)


def first_factors(codes: npt.NDArray[np.int64], rank: int, seed: int) -> Floats:
    """Random factors of length 1 without negative numbers, as MLlib starts from.

    They depend on code and seed alone, not on which worker makes them (SplitMix64).
    """
    with np.errstate(over="ignore"):
        cells = codes.astype(np.uint64)[:, None] * np.uint64(rank) + np.arange(rank, dtype=np.uint64)
        mixed = (cells + np.uint64(seed) * np.uint64(0xD1342543DE82EF95)) * np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    share = (mixed >> np.uint64(11)).astype(np.float64) / 2.0**53
    factors: Floats = (share / np.linalg.norm(share, axis=1, keepdims=True)).astype(np.float32)
    return factors


def _table(batches: Iterable[pa.RecordBatch]) -> pa.Table:
    """The batches as one table; a worker without any gets an empty one."""
    own = list(batches)
    if own:
        return pa.Table.from_batches(own)
    types = {"side": pa.int8(), "code": pa.int32(), "column": pa.int32(), "weight": pa.float32()}
    return pa.schema([*types.items(), ("vector", pa.list_(pa.float32()))]).empty_table()


def _first_state(group: Group, given: pa.Table, sides: Sequence[Side], rank: int, seed: int) -> list[Floats]:
    """Factors to start from, of both sides: those given, else zeros for customers and random ones for products."""
    codes = np.arange(sides[ITEMS].n_rows, dtype=np.int64) * group.size + group.rank
    factors = [np.zeros((sides[USERS].n_rows, rank), dtype=np.float32), first_factors(codes, rank, seed)]
    for side in (USERS, ITEMS):
        rows = given.filter(pc.equal(given.column("side"), side)).combine_chunks()
        own = rows.column("code").to_numpy() // group.size
        vectors = rows.column("vector").combine_chunks()
        if len(own):
            factors[side][own] = vectors.flatten().to_numpy(zero_copy_only=False).reshape(-1, rank)
    return factors


def factor_rows(side: int, codes: npt.NDArray[np.int64], factors: Floats) -> Iterator[pa.RecordBatch]:
    """Factors of one side as side, code, vector."""
    for first in range(0, len(factors), _ROWS_PER_BATCH):
        some = factors[first : first + _ROWS_PER_BATCH]
        offsets = pa.array(np.arange(0, some.size + 1, some.shape[1], dtype=np.int32))
        vectors = pa.ListArray.from_arrays(offsets, pa.array(some.ravel()))
        sides = pa.array(np.full(len(some), side, dtype=np.int8))
        own = pa.array(codes[first : first + _ROWS_PER_BATCH].astype(np.int32))
        yield pa.RecordBatch.from_arrays([sides, own, vectors], names=["side", "code", "vector"])
