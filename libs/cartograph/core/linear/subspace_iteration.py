"""Singular vectors of a sparse matrix whose rows are partitioned over a worker group.

Every worker holds some rows and, for all columns, 8 bytes per singular vector; in each sweep the workers sum the
products of their rows.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from scipy.linalg import cholesky, eigh
from scipy.linalg.blas import ssyrk, strsm

from cartograph.core.workers.groups import Group

Floats = npt.NDArray[np.float32]

OVERSAMPLING = 32  # Additional directions, which let the last of the requested ones converge sooner.
_MIN_SQUARE = 1e-6  # Directions of smaller squared singular values are noise.


def right_singular_vectors(
    group: Group, rows: sp.csr_matrix, basis: Floats, n_vectors: int, sweeps: int
) -> tuple[Floats, Floats]:
    """The right singular vectors of the whole matrix with the largest singular values, as columns, and these values.

    The largest value comes first; there are no more than the rank of the matrix. Computed by subspace iteration (Halko,
    Martinsson and Tropp 2011), exactly if the basis is as wide as the matrix. All members call this together and get
    the same result.

    Args:
        rows: the rows of this member.
        basis: initial basis, (columns of the matrix, n_vectors + OVERSAMPLING), the same for all members.
        n_vectors: number of vectors.
        sweeps: multiplications by the matrix and its transpose; more make the last vectors more accurate.
    """
    if not basis.shape[1]:
        return basis, np.empty(0, np.float32)
    columns = rows.T.tocsr()
    for _ in range(sweeps):
        basis = orthonormal(summed(group, columns @ (rows @ basis)))
    squares, rotation = eigh(group.sum(_gram(rows @ basis)))
    kept = np.argsort(-squares, kind="stable")[:n_vectors]
    kept = kept[squares[kept] > _MIN_SQUARE]
    return basis @ rotation[:, kept].astype(np.float32), np.sqrt(squares[kept]).astype(np.float32)


def summed(group: Group, values: Floats) -> Floats:
    """The sum of the members' matrices: each sums a share of the rows, so traffic does not grow with the group."""
    if group.size == 1:
        return values
    shares = np.array_split(values, group.size)
    own = np.sum([part.reshape(-1, values.shape[1]) for part in group.exchange(shares)], axis=0)
    return np.concatenate(group.exchange([own] * group.size)).reshape(values.shape)


def _gram(vectors: Floats) -> npt.NDArray[np.float64]:
    """Inner products of the columns."""
    if not len(vectors):
        return np.zeros((vectors.shape[1], vectors.shape[1]))
    upper = ssyrk(1.0, np.ascontiguousarray(vectors).T).astype(np.float64)
    gram: npt.NDArray[np.float64] = np.triu(upper) + np.triu(upper, 1).T
    return gram


def orthonormal(vectors: Floats) -> Floats:
    """An orthonormal basis of the columns by CholeskyQR, applied twice.

    Once is not enough if columns are nearly parallel; the shift of the diagonal keeps the factor real then (Fukaya et
    al. 2020, shifted CholeskyQR). Zero columns stay zero.
    """
    for _ in range(2):
        gram = _gram(vectors)
        gram[np.diag_indices_from(gram)] += max(1e-6 * np.trace(gram) / len(gram), 1e-30)
        factor = cholesky(gram, lower=False).astype(np.float32)
        vectors = strsm(1.0, factor.T, np.ascontiguousarray(vectors).T, lower=1).T
    return vectors
