"""The strongest directions of who had to do with what, found by a worker group, not by the driver.

Customers are dealt out; every worker holds the vectors of all products, 8 (n_vectors + 32) bytes per product, and in
each sweep the workers add up what their customers make of them.
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
from scipy.linalg import cholesky, eigh
from scipy.linalg.blas import ssyrk, strsm

from cartograph.core.topk import vectors_of
from cartograph.core.workers import Group, placed, run_group, slots

Floats = npt.NDArray[np.float32]

_MORE = 32  # vectors carried along besides those wanted: the last of the wanted converge sooner
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
    rows = _normalised(rows, degrees)
    columns = rows.T.tocsr()
    width = min(n_vectors + _MORE, n_items)
    basis = np.random.default_rng(seed).standard_normal((n_items, width), dtype=np.float32)
    for _ in range(sweeps):
        basis = orthonormal(added(group, columns @ (rows @ basis)))
    images = rows @ basis
    strengths, turn = eigh(group.sum(_gram(images)))
    kept = np.argsort(-strengths, kind="stable")[:n_vectors]
    kept = kept[strengths[kept] > 1e-6]  # Ñ has no more directions than these
    vectors = basis @ turn[:, kept].astype(np.float32)
    share = np.array_split(np.arange(n_items, dtype=np.int32), group.size)[group.rank]
    columns = [pa.array(share), pa.array(degrees[share]), vectors_of(vectors[share])]
    yield pa.record_batch(columns, ["code", "degree", "vector"])


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


def added(group: Group, values: Floats) -> Floats:
    """The sum of the members' matrices: each adds up its share of the rows, so traffic does not grow with the group."""
    if group.size == 1:
        return values
    shares = np.array_split(values, group.size)
    own = np.sum([part.reshape(-1, values.shape[1]) for part in group.exchange(shares)], axis=0)
    return np.concatenate(group.exchange([own] * group.size)).reshape(values.shape)


def _gram(vectors: Floats) -> npt.NDArray[np.float64]:
    """Inner products of the columns."""
    upper = ssyrk(1.0, np.ascontiguousarray(vectors).T).astype(np.float64)
    gram: npt.NDArray[np.float64] = np.triu(upper) + np.triu(upper, 1).T
    return gram


def orthonormal(vectors: Floats) -> Floats:
    """Columns of length one at right angles that span the same space: Cholesky's factor divided out, twice.

    Once is not enough where columns are nearly parallel; what is added to the diagonal keeps the factor real where
    they are (Fukaya et al. 2020, shifted CholeskyQR).
    """
    for _ in range(2):
        gram = _gram(vectors)
        gram[np.diag_indices_from(gram)] += 1e-6 * np.trace(gram) / len(gram)
        factor = cholesky(gram, lower=False).astype(np.float32)
        vectors = strsm(1.0, factor.T, np.ascontiguousarray(vectors).T, lower=1).T
    return vectors
