"""Factors kept up to date without fitting again: rows whose history changed are solved for against the other side.

A row's factor is the exact minimum of the objective for its own history, the other side staying as it was fitted. So
new customers and products get factors, and changed ones new factors; `drift` says how far this has moved from what was
fitted, and when to fit again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from threadpoolctl import threadpool_limits

from cartograph.cf.objective import Objective
from cartograph.cf.solvers import Floats, solve_exactly
from cartograph.core.search.topk import vectors_of


def changed(changes: DataFrame, column: str) -> DataFrame:
    """One row per customer or product that the change feed touched: `column`.

    Args:
        changes: rows of a Delta change feed of silver.events: inserted, deleted, and updated ones before and after.
        column: user_id or product_id.
    """
    return changes.select(column).where(F.col(column).isNotNull()).distinct()


def refreshed(weights: DataFrame, column: str, fixed: DataFrame, objective: Objective) -> DataFrame:
    """One row per customer or product of `weights` with a known counterpart: `column`, vector.

    Memory of a task: a batch of pairs with their factors, and those of the row with the most pairs.

    Args:
        weights: user_id, product_id, weight: the whole histories of the rows to solve for, and no others.
        column: user_id or product_id, what is solved for.
        fixed: the other id, vector: factors of the other side, all of them.
        objective: the one that `fixed` was found with.
    """
    (other,) = {"user_id", "product_id"} - {column}
    pairs = weights.join(fixed.select(other, "vector"), other).select(column, other, "weight", "vector")
    ordered = pairs.repartition(column).sortWithinPartitions(column, other)
    solve = partial(_solved, column=column, gram=gram(fixed, objective), objective=objective)
    needed = ordered.select(column, F.col("weight").cast("float").alias("weight"), "vector")
    return needed.mapInArrow(solve, f"{column} string, vector array<float>")


def gram(factors: DataFrame, objective: Objective) -> Floats:
    """Σ y yᵀ over all factors (rank x rank), summed where they lie."""
    parts = factors.select("vector").mapInArrow(partial(_grams, objective=objective), "part array<double>").toArrow()
    total = np.zeros((objective.rank, objective.rank))
    for part in parts.column("part"):
        total += np.array(part.values).reshape(total.shape)
    return total.astype(np.float32)


def _grams(batches: Iterable[pa.RecordBatch], objective: Objective) -> Iterator[pa.RecordBatch]:
    """One row per task: its part of the gram matrix."""
    total = np.zeros((objective.rank, objective.rank))
    for batch in batches:
        total += objective.gram(_matrix(batch.column("vector"), objective.rank))
    yield pa.RecordBatch.from_arrays([pa.array([total.ravel()], pa.list_(pa.float64()))], names=["part"])


def _solved(
    batches: Iterable[pa.RecordBatch], column: str, gram: Floats, objective: Objective
) -> Iterator[pa.RecordBatch]:
    """Factors of the rows of each batch; a row's pairs may go on in the next batch, so the last row waits for it."""
    waiting: list[pa.RecordBatch] = []
    with threadpool_limits(1, user_api="blas"):
        for batch in batches:
            ids = batch.column(column)
            last = ids.index(ids[-1]).as_py() if batch.num_rows else 0
            if last == 0 and (not waiting or not batch.num_rows or waiting[-1].column(column)[-1] == ids[0]):
                waiting.append(batch)  # one row so far
                continue
            yield from _factors([*waiting, batch.slice(0, last)], column, gram, objective)
            waiting = [batch.slice(last)]
        yield from _factors(waiting, column, gram, objective)


def _factors(
    batches: list[pa.RecordBatch], column: str, gram: Floats, objective: Objective
) -> Iterator[pa.RecordBatch]:
    """One row per id of the batches with a pair that counts; they hold all pairs of an id, side by side."""
    pairs = pa.Table.from_batches(batches) if batches else None
    if pairs is None or not pairs.num_rows:
        return
    pairs = pairs.combine_chunks()
    runs = pairs.column(column).combine_chunks().dictionary_encode()
    starts = np.flatnonzero(np.diff(runs.indices.to_numpy(), prepend=-1, append=len(runs.dictionary)))
    weights = pairs.column("weight").to_numpy().astype(np.float32)
    fixed = _matrix(pairs.column("vector").combine_chunks(), objective.rank)
    places = np.arange(len(weights), dtype=np.int32)
    solved = np.empty((len(starts) - 1, objective.rank), dtype=np.float32)
    terms = (objective.confidences(weights), objective.targets(weights), objective.ridges(starts, weights))
    solve_exactly(starts, places, *terms, fixed, gram, solved)
    rows = pa.RecordBatch.from_arrays([runs.dictionary, vectors_of(solved)], names=[column, "vector"])
    yield rows.filter(pa.array(objective.counts(starts, weights) > 0))  # the others have no factor, as in a fit


def _matrix(vectors: pa.ListArray, rank: int) -> Floats:
    """The vectors as rows."""
    values: Floats = np.array(vectors.flatten(), dtype=np.float32).reshape(-1, rank)
    return values


def replaced(factors: DataFrame, column: str, newer: DataFrame) -> DataFrame:
    """`factors` (`column`, vector) with those of `newer` in place of, or beside, the older ones."""
    return factors.join(newer.select(column), column, "left_anti").select(column, "vector").unionByName(newer)


@dataclass(frozen=True)
class Drift:
    """How far one side has moved from what was fitted.

    Attributes:
        new_share: new rows / rows fitted.
        changed_share: refreshed rows that were fitted / rows fitted.
        movement: root of (squared length of the changes of refreshed rows / squared length of all fitted factors).
    """

    new_share: float
    changed_share: float
    movement: float

    def advises_fit(self, bound: float) -> bool:
        """Whether either share of new rows or movement has passed the bound, so that the fixed side is out of date."""
        return max(self.new_share, self.movement) > bound


def drift(fitted: DataFrame, newer: DataFrame, column: str) -> Drift:
    """The drift of one side.

    Args:
        fitted: `column`, vector: the factors of the last fit, all of them.
        newer: `column`, vector: all factors that were refreshed since.
        column: user_id or product_id.
    """
    both = fitted.join(newer.withColumnRenamed("vector", "newer"), column, "full")

    def squared(vector: str, other: str | None = None) -> Column:
        values = F.zip_with(vector, other, lambda a, b: a - b) if other else F.col(vector)
        return F.aggregate(values, F.lit(0.0), lambda total, x: total + x.cast("double") * x)

    row = both.agg(
        F.count("vector").alias("n"),
        F.count_if(F.col("vector").isNull()).alias("n_new"),
        F.count_if(F.col("vector").isNotNull() & F.col("newer").isNotNull()).alias("n_changed"),
        F.sum(squared("vector")).alias("length"),
        F.sum(F.when(F.col("newer").isNotNull() & F.col("vector").isNotNull(), squared("newer", "vector"))).alias(
            "moved"
        ),
    ).head()
    assert row is not None
    if not row.n:
        return Drift(float("inf") if row.n_new else 0.0, 0.0, 0.0)
    return Drift(row.n_new / row.n, row.n_changed / row.n, float(np.sqrt((row.moved or 0.0) / (row.length or 1.0))))
