"""Compiled kernels of alternating least squares: one side's factors given the other's.

For a row r with the columns i, and the other side's factors y_i, both kernels solve

    (G + Σ c_i y_i y_iᵀ + λ_r I) x = Σ t_i y_i

with the gram matrix G, confidences c, targets t and ridges λ of `cf.objective`. Rows are given compressed: row r has
`columns[starts[r]:starts[r + 1]]`, and its confidences and targets stand in the same places. A row without columns gets
zeros. Matrix products go through the BLAS that SciPy brings; the number of its threads is the caller's to limit.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy.linalg  # noqa: F401 - loads the BLAS now, or a limit on its threads would come too early to find it
from numba import njit

Floats = npt.NDArray[np.float32]
Codes = npt.NDArray[np.int32]
Starts = npt.NDArray[np.int64]

_FAST = {"reassoc", "contract", "nsz", "arcp"}  # lets sums vectorise; infinities and NaN keep their meaning
_ROWS = 32  # solved together, so that G meets them in one matrix product and their y stay in the cache
_GATHERED = 1024  # y copied side by side at a time, for a matrix product


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

    Starts from what `solved` holds. Costs 4 (n_steps + 1) (nnz k + rows k² / 2) floating-point operations.
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
            _add_observed(columns, confidences, ridges[row], begin, end, fixed, solved[row], images[at])
            _add_targets(columns, targets, begin, end, fixed, images[at], residuals[at])
            directions[at] = residuals[at]
            sizes[at] = _dot(residuals[at], residuals[at])
            if begin == end:
                solved[row] = 0
                directions[at] = 0
                sizes[at] = 0
        for _ in range(n_steps):
            np.dot(directions[:n], gram, images[:n])
            for at in range(n):
                if sizes[at] < 1e-20:
                    continue
                row = first + at
                _add_observed(
                    columns, confidences, ridges[row], starts[row], starts[row + 1], fixed, directions[at], images[at]
                )
                sizes[at] = _step(solved[row], residuals[at], directions[at], images[at], sizes[at])


@njit(cache=True, nogil=True, fastmath=_FAST)
def _add_observed(
    columns: Codes, confidences: Floats, ridge: float, begin: int, end: int, fixed: Floats, x: Floats, image: Floats
) -> None:
    """Adds (Σ c_i y_i y_iᵀ + λ I) x to `image`, without ever making the matrix."""
    k = len(x)
    for i in range(k):
        image[i] += np.float32(ridge) * x[i]
    for place in range(begin, end):
        y = fixed[columns[place]]
        product = np.float32(0)
        for i in range(k):
            product += y[i] * x[i]
        product *= confidences[place]
        for i in range(k):
            image[i] += product * y[i]


@njit(cache=True, nogil=True, fastmath=_FAST)
def _add_targets(
    columns: Codes, targets: Floats, begin: int, end: int, fixed: Floats, image: Floats, residual: Floats
) -> None:
    """Writes Σ t_i y_i - image into `residual`."""
    k = len(image)
    for i in range(k):
        residual[i] = -image[i]
    for place in range(begin, end):
        y = fixed[columns[place]]
        target = targets[place]
        for i in range(k):
            residual[i] += target * y[i]


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
    """Writes the exact solution of every row into `solved`, by Cholesky factorisation; what it held plays no part.

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
