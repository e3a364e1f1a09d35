"""Compiled kernels of alternating least squares: one side's factors given the other's.

For a row r with the columns i, and the other side's factors y_i, both kernels solve

    (G + Σ c_i y_i y_iᵀ + λ_r I) x = Σ t_i y_i

with the gram matrix G, confidences c, targets t and ridges λ of `objective`. Rows are given compressed: row r has
`columns[starts[r]:starts[r + 1]]`, and its confidences and targets are aligned with them. A row without columns gets
zeros. Matrix products go through the BLAS that SciPy brings; limiting its threads is up to the caller.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy.linalg  # noqa: F401 - loads the BLAS now, or a limit on its threads would come too early to find it
from numba import njit

Floats = npt.NDArray[np.float32]
Codes = npt.NDArray[np.int32]
Starts = npt.NDArray[np.int64]

_FAST = {"reassoc", "contract", "nsz", "arcp"}  # Lets sums vectorise; infinities and NaN keep their meaning.
_ROWS = 32  # Solved together: one matrix product with G, and their y stay in the cache.
_ONE, _NONE = np.float32(1), np.float32(0)
_GATHERED = 1024  # Vectors y gathered at a time, for a matrix product.


@njit(cache=True, nogil=True, fastmath=_FAST)
def improve(
    starts: Starts,
    columns: Codes,
    confidences: Floats,
    targets: Floats,
    ridges: Floats,
    fixed: Floats,
    gram: Floats,
    solved: Floats,
    n_steps: int,
) -> None:
    """Moves every row of `solved` towards its solution by `n_steps` of conjugate gradient (Takács et al. 2011).

    Starts from what `solved` holds. Costs (n_steps + 1) (4 nnz k + 2 rows k²) floating-point operations.
    """
    n_rows, k = solved.shape
    residuals, directions = np.empty((_ROWS, k), np.float32), np.empty((_ROWS, k), np.float32)
    images, sizes = np.empty((_ROWS, k), np.float32), np.empty(_ROWS, np.float32)
    for first in range(0, n_rows, _ROWS):
        n = min(_ROWS, n_rows - first)
        np.dot(solved[first : first + n], gram, images[:n])
        for at in range(n):
            row = first + at
            begin, end = starts[row], starts[row + 1]
            if begin == end:
                solved[row] = images[at] = 0
            residuals[at] = -images[at] - ridges[row] * solved[row]
            _add_observed(columns, confidences, targets, begin, end, fixed, solved[row], -_ONE, _ONE, residuals[at])
            directions[at] = residuals[at]
            sizes[at] = _dot(residuals[at], residuals[at])
        for _ in range(n_steps):
            np.dot(directions[:n], gram, images[:n])
            for at in range(n):
                if sizes[at] < 1e-20:
                    continue
                row = first + at
                images[at] += ridges[row] * directions[at]
                begin, end = starts[row], starts[row + 1]
                _add_observed(columns, confidences, targets, begin, end, fixed, directions[at], _ONE, _NONE, images[at])
                sizes[at] = _step(solved[row], residuals[at], directions[at], images[at], sizes[at])


@njit(cache=True, nogil=True, fastmath=_FAST)
def _add_observed(
    columns: Codes,
    confidences: Floats,
    targets: Floats,
    begin: int,
    end: int,
    fixed: Floats,
    x: Floats,
    of_x: np.float32,
    of_targets: np.float32,
    total: Floats,
) -> None:
    """Adds of_x Σ c_i y_i (y_i · x) + of_targets Σ t_i y_i to `total`, without forming a matrix.

    Four y are read at a time: one read of x and one of `total` serve them all.
    """
    k = len(x)
    whole = begin + (end - begin) // 4 * 4
    for at in range(begin, whole, 4):
        a, b, c, d = fixed[columns[at]], fixed[columns[at + 1]], fixed[columns[at + 2]], fixed[columns[at + 3]]
        p = q = r = s = np.float32(0)
        for i in range(k):
            p += a[i] * x[i]
            q += b[i] * x[i]
            r += c[i] * x[i]
            s += d[i] * x[i]
        p = of_targets * targets[at] + of_x * confidences[at] * p
        q = of_targets * targets[at + 1] + of_x * confidences[at + 1] * q
        r = of_targets * targets[at + 2] + of_x * confidences[at + 2] * r
        s = of_targets * targets[at + 3] + of_x * confidences[at + 3] * s
        for i in range(k):
            total[i] += p * a[i] + q * b[i] + r * c[i] + s * d[i]
    for at in range(whole, end):
        a = fixed[columns[at]]
        p = of_targets * targets[at] + of_x * confidences[at] * _dot(a, x)
        for i in range(k):
            total[i] += p * a[i]


@njit(cache=True, nogil=True, fastmath=_FAST)
def _step(x: Floats, residual: Floats, direction: Floats, image: Floats, size: float) -> np.float32:
    """One step of conjugate gradient; returns the new size of the residual."""
    length = np.float32(size) / _dot(direction, image)
    for i in range(len(x)):
        x[i] += length * direction[i]
        residual[i] -= length * image[i]
    after = _dot(residual, residual)
    turn = after / np.float32(size)
    for i in range(len(x)):
        direction[i] = residual[i] + turn * direction[i]
    return after


@njit(cache=True, nogil=True, fastmath=_FAST, inline="always")
def _dot(a: Floats, b: Floats) -> np.float32:
    total = np.float32(0)
    for i in range(len(a)):
        total += a[i] * b[i]
    return total


@njit(cache=True, nogil=True, fastmath=_FAST)
def solve_exactly(
    starts: Starts,
    columns: Codes,
    confidences: Floats,
    targets: Floats,
    ridges: Floats,
    fixed: Floats,
    gram: Floats,
    solved: Floats,
) -> None:
    """Writes the exact solution of every row into `solved`, by Cholesky factorisation; what it held is ignored.

    Costs 2 nnz k² + rows k³ / 3 floating-point operations.
    """
    k = fixed.shape[1]
    matrix, part = np.empty((k, k), np.float32), np.empty((k, k), np.float32)
    plain, scaled = np.empty((_GATHERED, k), np.float32), np.empty((_GATHERED, k), np.float32)
    for row in range(len(starts) - 1):
        x = solved[row]
        x[:] = 0
        if starts[row] == starts[row + 1]:
            continue
        matrix[:] = gram
        for begin in range(starts[row], starts[row + 1], _GATHERED):
            n = min(_GATHERED, starts[row + 1] - begin)
            for at in range(n):
                y = fixed[columns[begin + at]]
                confidence, target = confidences[begin + at], targets[begin + at]
                for i in range(k):
                    plain[at, i] = y[i]
                    scaled[at, i] = confidence * y[i]
                    x[i] += target * y[i]
            np.dot(plain[:n].T, scaled[:n], part)
            matrix += part
        for i in range(k):
            matrix[i, i] += ridges[row]
        _substitute(np.linalg.cholesky(matrix), x)


@njit(cache=True, nogil=True, fastmath=_FAST)
def _substitute(lower: Floats, x: Floats) -> None:
    """Solves L Lᵀ x = b for the b given in `x`, in place."""
    k = len(x)
    for i in range(k):
        total = np.float32(0)
        for j in range(i):
            total += lower[i, j] * x[j]
        x[i] = (x[i] - total) / lower[i, i]
    for i in range(k - 1, -1, -1):
        x[i] /= lower[i, i]
        for j in range(i):
            x[j] -= lower[i, j] * x[i]
