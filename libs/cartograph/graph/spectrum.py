"""The strongest directions of who had to do with what, found by a worker group, not by the driver.

Customers are dealt out; every worker holds the vectors of all products, 8 (n_vectors + 32) bytes per product: see
`core.linear.spectrum`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import scipy.sparse as sp
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.core.linear.spectrum import MORE, strongest_directions
from cartograph.core.linear.structure import ROUNDS, Keys, met, mixed, noise, told_apart
from cartograph.core.search.topk import vectors_of
from cartograph.core.workers.groups import Group, placed, run_group, slots

SPECTRUM = "code int, degree long, vector array<float>"


def singular_vectors(
    pairs: DataFrame, n_items: int, n_vectors: int, sweeps: int = 8, seed: int = 7, n_workers: int | None = None
) -> DataFrame:
    """One row per product: code, degree (its customers), vector, its numbers in the strongest right singular vectors of

        Ñ = D_u^-1/2 N D_i^-1/2, N the customers' products as zeros and ones, D_u and D_i its row and column sums,

    strongest first, by a randomised subspace iteration (Halko, Martinsson and Tropp 2011). Where there are fewer
    products or customers than vectors asked for, there are as many as of the fewer.

    Args:
        pairs: user, item (codes 0, 1, 2 … without gaps); one row per pair.
        n_items: products.
        n_vectors: asked for.
        sweeps: products with ÑᵀÑ; the more, the nearer the last vectors are to the true ones.
        seed: of the first vectors.
        n_workers: tasks of the group; None: one per core.

    Raises:
        TooFewSlots: fewer cores than workers.
    """
    n_workers = n_workers or slots(pairs.sparkSession)
    blocks = placed(pairs.withColumn("block", F.pmod("user", F.lit(n_workers))), "block", n_workers)
    work = partial(_iterate, n_items=n_items, n_vectors=n_vectors, sweeps=sweeps, seed=seed)
    return run_group(blocks, work, SPECTRUM)


def _iterate(
    group: Group, batches: Iterable[pa.RecordBatch], n_items: int, n_vectors: int, sweeps: int, seed: int
) -> Iterator[pa.RecordBatch]:
    """One worker's part; it yields its share of the products."""
    rows = _rows_of(batches, group.size, n_items)
    degrees = group.sum(np.bincount(rows.indices, minlength=n_items))
    basis = noise(_structure(group, rows), min(n_vectors + MORE, n_items), seed)
    rows = _normalised(rows, degrees)
    vectors, _ = strongest_directions(group, rows, basis, n_vectors, sweeps)
    share = np.array_split(np.arange(n_items, dtype=np.int32), group.size)[group.rank]
    columns = [pa.array(share), pa.array(degrees[share]), vectors_of(vectors[share])]
    yield pa.record_batch(columns, ["code", "degree", "vector"])


def _structure(group: Group, rows: sp.csr_matrix) -> Keys:
    """One number per product that its name has no part in, unless nothing else tells it from another."""
    n_users, n_items = rows.shape
    users = np.repeat(np.arange(n_users), np.diff(rows.indptr))
    keys = np.zeros(n_items, np.uint64)
    for _ in range(ROUNDS):
        of_users = met(users, rows.indices, rows.data, keys, n_users)
        keys = mixed(group.sum(met(rows.indices, users, rows.data, mixed(of_users), n_items)))
    return told_apart(keys)


def _rows_of(batches: Iterable[pa.RecordBatch], n_workers: int, n_items: int) -> sp.csr_matrix:
    """This worker's customers as rows of zeros and ones, those without products too."""
    parts = list(batches)
    users, items = (
        np.concatenate([np.empty(0, np.int32), *(part.column(name).to_numpy() for part in parts)])
        for name in ("user", "item")
    )
    users = users // n_workers
    shape = (int(users.max(initial=-1)) + 1, n_items)
    return sp.csr_matrix((np.ones(len(users), np.float32), (users, items)), shape)


def _normalised(rows: sp.csr_matrix, degrees: npt.NDArray[np.int64]) -> sp.csr_matrix:
    """The rows divided by the roots of their own sums and of the products'."""
    own = np.repeat(np.diff(rows.indptr), np.diff(rows.indptr))
    values = (own * degrees[rows.indices].astype(np.float64)) ** -0.5
    return sp.csr_matrix((values.astype(np.float32), rows.indices, rows.indptr), rows.shape)
