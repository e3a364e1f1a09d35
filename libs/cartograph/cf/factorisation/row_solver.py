"""Exact factors of single customers or products, the factors of the other side staying as they were fitted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from threadpoolctl import threadpool_limits

from cartograph.cf.factorisation.objective import Objective
from cartograph.cf.factorisation.solvers import Floats, solve_exactly
from cartograph.cf.settings import AlsSettings
from cartograph.core.search.topk import vectors_of


def solved_rows(weights: DataFrame, column: str, fixed: DataFrame, settings: AlsSettings) -> DataFrame:
    """One row per customer or product of `weights` with a known counterpart: `column`, vector.

    Memory of a task: a batch of pairs with their factors, and those of the row with the most pairs.

    Args:
        weights: user_id, product_id, weight: the whole histories of the rows to solve for, and no others.
        column: user_id or product_id, what is solved for.
        fixed: the other id, vector: factors of the other side, all of them.
        settings: those that `fixed` was fitted with.
    """
    (other,) = {"user_id", "product_id"} - {column}
    pairs = weights.join(fixed.select(other, "vector"), other).select(column, other, "weight", "vector")
    ordered = pairs.repartition(column).sortWithinPartitions(column, other)
    solve = partial(_solved, column=column, gram=gram(fixed, settings), settings=settings)
    needed = ordered.select(column, F.col("weight").cast("float").alias("weight"), "vector")
    return needed.mapInArrow(solve, f"{column} string, vector array<float>")


def gram(factors: DataFrame, settings: AlsSettings) -> Floats:
    """Σ y yᵀ over all factors (rank x rank), summed in the executors."""
    parts = factors.select("vector").mapInArrow(partial(_grams, settings=settings), "part array<double>").toArrow()
    total = np.zeros((settings.rank, settings.rank))
    for part in parts.column("part"):
        total += np.array(part.values).reshape(total.shape)
    return total.astype(np.float32)


def _grams(batches: Iterable[pa.RecordBatch], settings: AlsSettings) -> Iterator[pa.RecordBatch]:
    """One row per task: its part of the gram matrix."""
    total = np.zeros((settings.rank, settings.rank))
    for batch in batches:
        total += Objective(settings).gram(_matrix(batch.column("vector"), settings.rank))
    yield pa.RecordBatch.from_arrays([pa.array([total.ravel()], pa.list_(pa.float64()))], names=["part"])


def _solved(
    batches: Iterable[pa.RecordBatch], column: str, gram: Floats, settings: AlsSettings
) -> Iterator[pa.RecordBatch]:
    """Factors of the rows of each batch; a row's pairs may continue in the next one, so the last row is kept for it."""
    pending: list[pa.RecordBatch] = []
    with threadpool_limits(1, user_api="blas"):
        for batch in batches:
            ids = batch.column(column)
            last = ids.index(ids[-1]).as_py() if batch.num_rows else 0
            if last == 0 and (not pending or not batch.num_rows or pending[-1].column(column)[-1] == ids[0]):
                pending.append(batch)  # one row so far
                continue
            yield from _factors([*pending, batch.slice(0, last)], column, gram, settings)
            pending = [batch.slice(last)]
        yield from _factors(pending, column, gram, settings)


def _factors(
    batches: list[pa.RecordBatch], column: str, gram: Floats, settings: AlsSettings
) -> Iterator[pa.RecordBatch]:
    """One row per id of the batches with a pair that counts; they hold all pairs of an id, side by side."""
    pairs = pa.Table.from_batches(batches) if batches else None
    if pairs is None or not pairs.num_rows:
        return
    pairs = pairs.combine_chunks()
    runs = pairs.column(column).combine_chunks().dictionary_encode()
    starts = np.flatnonzero(np.diff(runs.indices.to_numpy(), prepend=-1, append=len(runs.dictionary)))
    weights = pairs.column("weight").to_numpy().astype(np.float32)
    fixed = _matrix(pairs.column("vector").combine_chunks(), settings.rank)
    positions = np.arange(len(weights), dtype=np.int32)
    objective = Objective(settings)
    solved = np.empty((len(starts) - 1, settings.rank), dtype=np.float32)
    terms = (objective.confidences(weights), objective.targets(weights), objective.ridges(starts, weights))
    solve_exactly(starts, positions, *terms, fixed, gram, solved)
    rows = pa.RecordBatch.from_arrays([runs.dictionary, vectors_of(solved)], names=[column, "vector"])
    yield rows.filter(pa.array(objective.counts(starts, weights) > 0))  # the others have no factor, as in a fit


def _matrix(vectors: pa.ListArray, rank: int) -> Floats:
    """The vectors as rows."""
    values: Floats = np.array(vectors.flatten(), dtype=np.float32).reshape(-1, rank)
    return values
