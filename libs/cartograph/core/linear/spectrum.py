"""The strongest directions of a sparse matrix whose rows are dealt out to a worker group.

Every worker holds some rows and, of all columns, 8 bytes per direction looked for; in each sweep the workers add up
what their rows make of them.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from scipy.linalg import cholesky, eigh
from scipy.linalg.blas import ssyrk, strsm

from cartograph.core.workers.groups import Group

Floats = npt.NDArray[np.float32]

MORE = 32  # directions carried along besides those wanted: the last of the wanted converge sooner
_LEAST = 1e-6  # of a squared strength: below it there is no direction


def strongest_directions(
    group: Group, rows: sp.csr_matrix, basis: Floats, n_vectors: int, sweeps: int
) -> tuple[Floats, Floats]:
    """The strongest right singular vectors of the whole matrix, as columns, and their singular values.

    The strongest come first; where the matrix has fewer directions there are as many as it has. Found by a subspace
    iteration (Halko, Martinsson and Tropp 2011), exactly if the basis is as wide as the matrix. All members call this
    together, and all are given the same.

    Args:
        rows: this member's.
        basis: to start from, (columns of the matrix, directions carried along), the same for all members.
        n_vectors: asked for.
        sweeps: products with the matrix and its transpose; the more, the nearer the last vectors are to the true ones.
    """
    if not basis.shape[1]:
        return basis, np.empty(0, np.float32)
    columns = rows.T.tocsr()
    for _ in range(sweeps):
        basis = orthonormal(added(group, columns @ (rows @ basis)))
    squares, turn = eigh(group.sum(_gram(rows @ basis)))
    kept = np.argsort(-squares, kind="stable")[:n_vectors]
    kept = kept[squares[kept] > _LEAST]
    return basis @ turn[:, kept].astype(np.float32), np.sqrt(squares[kept]).astype(np.float32)


def added(group: Group, values: Floats) -> Floats:
    """The sum of the members' matrices: each adds up its share of the rows, so traffic does not grow with the group."""
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
    """Columns of length one at right angles that span the same space: Cholesky's factor divided out, twice.

    Once is not enough where columns are nearly parallel; what is added to the diagonal keeps the factor real where
    they are (Fukaya et al. 2020, shifted CholeskyQR). Columns of nothing stay so.
    """
    for _ in range(2):
        gram = _gram(vectors)
        gram[np.diag_indices_from(gram)] += max(1e-6 * np.trace(gram) / len(gram), 1e-30)
        factor = cholesky(gram, lower=False).astype(np.float32)
        vectors = strsm(1.0, factor.T, np.ascontiguousarray(vectors).T, lower=1).T
    return vectors
