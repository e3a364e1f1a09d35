"""Fold-in: exact factors for customers that were not there when the model was fitted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame

from cartograph.cf.solvers import solve_exactly


def fold_in(users: DataFrame, item_factors: DataFrame, alpha: float, regularisation: float) -> DataFrame:
    """One row per customer with a known product: user_id, vector, product_ids.

    The vector is what one more half-iteration of ALS would give the customer, product factors being fixed. Each
    occurrence of a product in the history weighs 1.

    Args:
        users: user_id, product_ids.
        item_factors: product_id, vector. Held whole by each task.
    """
    items = item_factors.select("product_id", "vector").toArrow().combine_chunks()
    product_ids = items.column("product_id").combine_chunks()
    factors = np.array(items.column("vector").combine_chunks().flatten(), dtype=np.float32).reshape(len(items), -1)
    shipped = users.sparkSession.sparkContext.broadcast((product_ids, factors, factors.T @ factors))
    solve = partial(_solve_batches, shipped=shipped, alpha=alpha, regularisation=regularisation)
    schema = "user_id string, vector array<float>, product_ids array<string>"
    return users.select("user_id", "product_ids").mapInArrow(solve, schema)


def _solve_batches(
    batches: Iterable[pa.RecordBatch], shipped: Any, alpha: float, regularisation: float
) -> Iterator[pa.RecordBatch]:
    """Folded-in customers of each batch of histories."""
    product_ids, factors, gram = shipped.value
    for batch in batches:
        starts, columns, weights = _counts(batch.column("product_ids"), product_ids)
        vectors = np.empty((batch.num_rows, factors.shape[1]), dtype=np.float32)
        solve_exactly(starts, columns, weights, factors, gram, alpha, regularisation, vectors)
        offsets = np.arange(0, vectors.size + 1, vectors.shape[1], dtype=np.int32)
        lists = pa.ListArray.from_arrays(pa.array(offsets), pa.array(vectors.ravel()))
        folded = pa.RecordBatch.from_arrays(
            [batch.column("user_id"), lists, batch.column("product_ids")], names=["user_id", "vector", "product_ids"]
        )
        yield folded.filter(pa.array(np.diff(starts) > 0))


def _counts(histories: pa.ListArray, product_ids: pa.Array) -> tuple[Any, Any, Any]:
    """Known products of each history and how often they occur: row starts, columns, weights."""
    lengths = pc.fill_null(pc.list_value_length(histories), 0).to_numpy(zero_copy_only=False)
    rows = np.repeat(np.arange(len(histories)), lengths)
    found = pc.fill_null(pc.index_in(histories.flatten(), value_set=product_ids), -1).to_numpy(zero_copy_only=False)
    cells, counts = np.unique(rows[found >= 0] * len(product_ids) + found[found >= 0], return_counts=True)
    starts = np.searchsorted(cells, np.arange(len(histories) + 1) * len(product_ids))
    return starts.astype(np.int64), (cells % len(product_ids)).astype(np.int32), counts.astype(np.float32)
