"""Singular vectors of the normalised customer-product matrix, computed by a worker group.

Customers are partitioned over the workers; each worker holds the vectors of all products, 8 (n_vectors + 32) bytes per
product: see `core.linear.subspace_iteration`.
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

from cartograph.core.linear.colour_refinement import ROUNDS, Keys, distinct, mixed, neighbour_sums, noise
from cartograph.core.linear.subspace_iteration import OVERSAMPLING, right_singular_vectors
from cartograph.core.search.topk import vectors_of
from cartograph.core.workers.groups import Group, placed, run_group, slots

SPECTRUM = "code int, degree long, vector array<float>"


def singular_vectors(
    pairs: DataFrame, n_items: int, n_vectors: int, sweeps: int = 8, seed: int = 7, n_workers: int | None = None
) -> DataFrame:
    """One row per product: code, degree (its customers), vector: its entries in the right singular vectors of

        Ñ = D_u^-1/2 N D_i^-1/2, N the binary customer-product matrix, D_u and D_i its row and column sums,

    largest singular value first, by randomised subspace iteration (Halko, Martinsson and Tropp 2011). There are no more
    vectors than products or customers.

    Args:
        pairs: user, item (codes 0, 1, 2 … without gaps); one row per pair.
        n_items: number of products.
        n_vectors: number of vectors.
        sweeps: multiplications by ÑᵀÑ; more make the last vectors more accurate.
        seed: seed of the initial vectors.
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
    """The work of one worker, which yields its share of the products."""
    rows = _rows_of(batches, group.size, n_items)
    degrees = group.sum(np.bincount(rows.indices, minlength=n_items))
    basis = noise(_structure(group, rows), min(n_vectors + OVERSAMPLING, n_items), seed)
    rows = _normalised(rows, degrees)
    vectors, _ = right_singular_vectors(group, rows, basis, n_vectors, sweeps)
    share = np.array_split(np.arange(n_items, dtype=np.int32), group.size)[group.rank]
    columns = [pa.array(share), pa.array(degrees[share]), vectors_of(vectors[share])]
    yield pa.record_batch(columns, ["code", "degree", "vector"])


def _structure(group: Group, rows: sp.csr_matrix) -> Keys:
    """One number per product, independent of its id unless nothing else distinguishes it from another."""
    n_users, n_items = rows.shape
    users = np.repeat(np.arange(n_users), np.diff(rows.indptr))
    keys = np.zeros(n_items, np.uint64)
    for _ in range(ROUNDS):
        of_users = neighbour_sums(users, rows.indices, rows.data, keys, n_users)
        keys = mixed(group.sum(neighbour_sums(rows.indices, users, rows.data, mixed(of_users), n_items)))
    return distinct(keys)


def _rows_of(batches: Iterable[pa.RecordBatch], n_workers: int, n_items: int) -> sp.csr_matrix:
    """This worker's customers as binary rows, including those without products."""
    parts = list(batches)
    users, items = (
        np.concatenate([np.empty(0, np.int32), *(part.column(name).to_numpy() for part in parts)])
        for name in ("user", "item")
    )
    users = users // n_workers
    shape = (int(users.max(initial=-1)) + 1, n_items)
    return sp.csr_matrix((np.ones(len(users), np.float32), (users, items)), shape)


def _normalised(rows: sp.csr_matrix, degrees: npt.NDArray[np.int64]) -> sp.csr_matrix:
    """The rows divided by the square roots of their own sums and of those of the products."""
    own = np.repeat(np.diff(rows.indptr), np.diff(rows.indptr))
    values = (own * degrees[rows.indices].astype(np.float64)) ** -0.5
    return sp.csr_matrix((values.astype(np.float32), rows.indices, rows.indptr), rows.shape)
