"""The native engine of ALS: a worker group keeps the factors of both sides in memory, solves for and exchanges them.

Who owns which customers and products is defined in `shards`. A worker holds the ratings of its customers and, once
more, those of its products. It solves a side in rounds: for each it fetches only the rows of the other side that the
round's ratings refer to (ALX, Mehta et al. 2021). Memory of a worker in bytes, for rank k and n workers:
32 ratings / n for the ratings of both sides (three times that while they are sorted), 4 k (customers + products) / n
for factors, and 4 k ROUND_RATINGS, or 4 k times the ratings of the busiest row if it has more, for what is fetched.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from threadpoolctl import threadpool_limits

from cartograph.cf.factorisation.checkpoints import checkpoints_of
from cartograph.cf.factorisation.initial_factors import first_products
from cartograph.cf.factorisation.objective import Objective
from cartograph.cf.factorisation.rounds import ROUND_RATINGS, Side, fetched
from cartograph.cf.factorisation.shards import (
    FACTORS,
    ITEMS,
    USERS,
    Shard,
    factor_batches,
    factors_of,
    worker_partitions,
)
from cartograph.cf.factorisation.solvers import Floats, improve, solve_exactly
from cartograph.cf.settings import AlsSettings
from cartograph.core.workers.groups import Group, run_group, slots

_CG_STEPS = 3
_LAST_CG_STEPS = 10  # For customers at the end: scores are then within 0.1 % of those of exact factors.


def native_factors(
    weights: DataFrame, settings: AlsSettings, n_workers: int | None = None
) -> tuple[DataFrame, DataFrame]:
    """Factors of customers (user_id, vector) and of products (product_id, vector), whatever the number of workers.

    With `checkpoint_every` a job that was interrupted resumes after the last saved iteration when it is run again on
    the same weights with the same settings.

    Args:
        weights: user_id, product_id, weight; one row per pair.
        settings: of the model.
        n_workers: tasks of the group; None: one per core.

    Raises:
        TooFewSlots: fewer cores than workers.
    """
    n_workers = n_workers or slots(weights.sparkSession)
    every = settings.checkpoint_every or settings.iterations
    checkpoints = checkpoints_of(weights, settings) if every < settings.iterations else None
    done, state = checkpoints.newest(FACTORS) if checkpoints else (0, None)
    while done < settings.iterations:
        n_iterations = min(every, settings.iterations - done)
        is_last = done + n_iterations == settings.iterations
        work = partial(factorise, settings=settings, n_iterations=n_iterations, is_last=is_last)
        state = run_group(worker_partitions(weights, n_workers, state), work, FACTORS)
        done += n_iterations
        if checkpoints and done < settings.iterations:
            state = checkpoints.saved(done, state)
    assert state is not None  # There is at least one iteration.
    if checkpoints:
        checkpoints.clear()
    return factors_of(state, USERS, "user_id"), factors_of(state, ITEMS, "product_id")


def factorise(
    group: Group,
    batches: Iterable[pa.RecordBatch],
    settings: AlsSettings,
    n_iterations: int,
    is_last: bool = True,
    round_ratings: int = ROUND_RATINGS,
) -> Iterator[pa.RecordBatch]:
    """One worker's part: rows of FACTORS of its customers and products after `n_iterations`.

    After the last iteration customers are solved for once more: their factors then follow from those of products, as a
    new customer's do, and contributions of own products to a score can be explained. `batches` are those of
    `worker_partitions`.
    """
    shard = Shard.of(group, batches)
    ratings, objective = (shard.ratings, shard.ratings_of_products(group)), Objective(settings)
    sides = [Side.of(group, ratings[side], len(shard.ids[side]), objective, round_ratings) for side in (USERS, ITEMS)]
    del ratings
    with threadpool_limits(1, user_api="blas"):  # A task has one core.
        factors = _first_state(group, shard, sides, settings)
        for _ in range(n_iterations):
            for side in (USERS, ITEMS):
                solve_side(group, sides[side], factors[1 - side], factors[side], settings, _CG_STEPS)
        if is_last:
            solve_side(group, sides[USERS], factors[ITEMS], factors[USERS], settings, _LAST_CG_STEPS)
    for side in (USERS, ITEMS):
        kept = sides[side].is_learned
        yield from factor_batches(side, shard.ids[side].filter(pa.array(kept)), factors[side][kept])


def solve_side(group: Group, side: Side, others: Floats, solved: Floats, settings: AlsSettings, n_steps: int) -> None:
    """Updates the factors `solved` of one side, given the group's factors of the other.

    `others` are this worker's factors of the other side, `n_steps` those of conjugate gradient.
    """
    gram = group.sum(Objective(settings).gram(others)).astype(np.float32)
    for one in side.rounds:
        rows = solved[one.first : one.first + len(one.ridges)]
        fixed = fetched(group, one, others)
        given = (one.starts, one.columns, one.confidences, one.targets, one.ridges, fixed, gram, rows)
        if settings.device == "cuda":
            from cartograph.cf.factorisation.torch_solver import improve_on  # Takes two seconds, which only GPUs need.

            improve_on(settings.device, *given, n_steps)
        elif settings.solver == "cholesky":
            solve_exactly(*given)
        else:
            improve(*given, n_steps)


def _first_state(group: Group, shard: Shard, sides: list[Side], settings: AlsSettings) -> list[Floats]:
    """Initial factors of both sides: those given, if there are any; else zeros for customers."""
    users = np.zeros((len(shard.ids[USERS]), settings.rank), dtype=np.float32)
    if not group.sum(np.array([shard.factors.num_rows]))[0]:
        return [users, first_products(group, shard, sides, settings)]
    factors = [users, np.zeros((len(shard.ids[ITEMS]), settings.rank), dtype=np.float32)]
    for side in (USERS, ITEMS):
        given = shard.factors.filter(pc.equal(shard.factors["side"], side)).combine_chunks()
        if given.num_rows:
            own = pc.index_in(given["id"], value_set=shard.ids[side]).to_numpy()
            factors[side][own] = given["vector"].combine_chunks().flatten().to_numpy().reshape(-1, settings.rank)
    return factors
