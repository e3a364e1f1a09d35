"""Fold-in: exact factors for customers who were not there when the factors of products were learned."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from threadpoolctl import threadpool_limits

from cartograph.cf.factorisation.objective import Objective
from cartograph.cf.factorisation.solvers import solve_exactly
from cartograph.cf.settings import AlsSettings
from cartograph.core.search.topk import vectors_of


def fold_in(users: DataFrame, item_factors: DataFrame, settings: AlsSettings) -> DataFrame:
    """One row per customer with a known product that counts: user_id, vector, mask.

    The vector is what one more half-iteration of ALS would give the customer, product factors being fixed. Each
    occurrence of a product in the history weighs 1, unless `users` says otherwise.

    Args:
        users: user_id, product_ids, mask (passed on) and, optionally weights (array<float>, aligned to product_ids).
        item_factors: product_id, vector. Broadcast to every task.
        settings: those that `item_factors` were fitted with.
    """
    items = item_factors.select("product_id", "vector").toArrow().combine_chunks()
    product_ids = items.column("product_id").combine_chunks()
    factors = np.array(items.column("vector").combine_chunks().flatten(), dtype=np.float32)
    factors = factors.reshape(len(items), settings.rank)
    gram = Objective(settings).gram(factors).astype(np.float32)
    shared = users.sparkSession.sparkContext.broadcast((product_ids, factors, gram))
    solve = partial(_solve_batches, shared=shared, settings=settings)
    schema = "user_id string, vector array<float>, mask array<string>"
    given = [name for name in ("user_id", "product_ids", "mask", "weights") if name in users.columns]
    return users.select(*given).mapInArrow(solve, schema)


def _solve_batches(batches: Iterable[pa.RecordBatch], shared: Any, settings: AlsSettings) -> Iterator[pa.RecordBatch]:
    """Folded-in customers of each batch of histories."""
    objective, (product_ids, factors, gram) = Objective(settings), shared.value
    with threadpool_limits(1, user_api="blas"):
        for batch in batches:
            starts, columns, weights = weighted(batch, product_ids)
            confidences, targets = objective.confidences(weights), objective.targets(weights)
            vectors = np.empty((batch.num_rows, settings.rank), dtype=np.float32)
            ridges = objective.ridges(starts, weights)
            solve_exactly(starts, columns, confidences, targets, ridges, factors, gram, vectors)
            columns_out = [batch.column("user_id"), vectors_of(vectors), batch.column("mask")]
            folded = pa.RecordBatch.from_arrays(columns_out, names=["user_id", "vector", "mask"])
            yield folded.filter(pa.array(objective.counts(starts, weights) > 0))


def weighted(batch: pa.RecordBatch, product_ids: pa.Array) -> tuple[Any, Any, Any]:
    """Known products of each history and their summed weights: row starts, columns, weights."""
    histories = batch.column("product_ids")
    lengths = pc.fill_null(pc.list_value_length(histories), 0).to_numpy(zero_copy_only=False)
    rows = np.repeat(np.arange(len(histories)), lengths)
    found = pc.fill_null(pc.index_in(histories.flatten(), value_set=product_ids), -1).to_numpy(zero_copy_only=False)
    weights = np.ones(len(rows))
    if "weights" in batch.schema.names:
        weights = batch.column("weights").flatten().to_numpy(zero_copy_only=False)
    known = found >= 0
    cells, inverse = np.unique(rows[known] * len(product_ids) + found[known], return_inverse=True)
    sums = np.bincount(inverse, weights=weights[known], minlength=len(cells)).astype(np.float32)
    starts = np.searchsorted(cells, np.arange(len(histories) + 1) * len(product_ids))
    return starts.astype(np.int64), (cells % max(len(product_ids), 1)).astype(np.int32), sums
