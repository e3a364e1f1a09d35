"""Compiled kernels of implicit alternating least squares: one side's factors given the other's.

For a customer with the products i of weight w_i, and product factors Y, both solve (Hu, Koren, Volinsky 2008)

    (YᵀY + Σ α w_i y_i y_iᵀ + λ n I) x = Σ (1 + α w_i) y_i

where n is the number of products: regularisation grows with what is known (Zhou et al. 2008, as in MLlib).
Rows are given compressed: row r has the columns `columns[starts[r]:starts[r + 1]]` with the weights of the same place.
A row without columns gets zeros.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

Floats = npt.NDArray[np.float32]
Codes = npt.NDArray[np.int32]
Starts = npt.NDArray[np.int64]

_FAST = {"reassoc", "contract", "nsz", "arcp"}  # lets sums vectorise; infinities and NaN keep their meaning


@njit(cache=True, nogil=True, fastmath=_FAST)
def solve_exactly(
    starts: Starts,
    columns: Codes,
    weights: Floats,
    fixed: Floats,
    gram: Floats,
    alpha: float,
    regularisation: float,
    solved: Floats,
) -> None:
    """Writes the exact solution of every row into `solved`, by Cholesky factorisation.

    `gram` is YᵀY of all of the fixed side. Costs nnz k² + rows k³ / 3 floating-point operations.
    """
    k = fixed.shape[1]
    matrix = np.empty((k, k), dtype=np.float32)
    for row in range(len(starts) - 1):
        first, last = starts[row], starts[row + 1]
        x = solved[row]
        x[:] = 0
        if first == last:
            continue
        matrix[:] = gram
        for at in range(first, last):
            y = fixed[columns[at]]
            confidence = np.float32(alpha * weights[at])
            for i in range(k):
                scaled = confidence * y[i]
                for j in range(i + 1):
                    matrix[i, j] += scaled * y[j]
                x[i] += y[i] + scaled
        for i in range(k):
            matrix[i, i] += np.float32(regularisation * (last - first))
        _factorise(matrix)
        _substitute(matrix, x)


@njit(cache=True, nogil=True, fastmath=_FAST)
def _factorise(matrix: Floats) -> None:
    """Lower Cholesky factor of the lower triangle, in place."""
    k = len(matrix)
    for i in range(k):
        for j in range(i + 1):
            total = np.float32(0)
            for at in range(j):
                total += matrix[i, at] * matrix[j, at]
            if i == j:
                matrix[i, i] = np.sqrt(max(matrix[i, i] - total, np.float32(1e-12)))
            else:
                matrix[i, j] = (matrix[i, j] - total) / matrix[j, j]


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


@njit(cache=True, nogil=True, fastmath=_FAST)
def improve(
    starts: Starts,
    columns: Codes,
    weights: Floats,
    fixed: Floats,
    gram: Floats,
    alpha: float,
    regularisation: float,
    solved: Floats,
    n_steps: int,
) -> None:
    """Moves every row of `solved` towards its solution by `n_steps` of conjugate gradient (Takács et al. 2011).

    Starts from what `solved` holds. Costs 4 (n_steps + 1) nnz k + 2 (n_steps + 1) rows k² operations.
    """
    k = fixed.shape[1]
    residual, direction, image = np.empty(k, np.float32), np.empty(k, np.float32), np.empty(k, np.float32)
    for row in range(len(starts) - 1):
        some = slice(starts[row], starts[row + 1])
        x = solved[row]
        if starts[row] == starts[row + 1]:
            x[:] = 0
            continue
        ridge = regularisation * (starts[row + 1] - starts[row])
        _residual(columns[some], weights[some], fixed, gram, alpha, ridge, x, residual)
        direction[:] = residual
        size = _dot(residual, residual)
        for _ in range(n_steps):
            if size < 1e-20:
                break
            _image(columns[some], weights[some], fixed, gram, alpha, ridge, direction, image)
            step = size / _dot(direction, image)
            for i in range(k):
                x[i] += step * direction[i]
                residual[i] -= step * image[i]
            before, size = size, _dot(residual, residual)
            for i in range(k):
                direction[i] = residual[i] + (size / before) * direction[i]


@njit(cache=True, nogil=True, fastmath=_FAST, inline="always")
def _dot(a: Floats, b: Floats) -> np.float32:
    total = np.float32(0)
    for i in range(len(a)):
        total += a[i] * b[i]
    return total


@njit(cache=True, nogil=True, fastmath=_FAST)
def _residual(
    columns: Codes, weights: Floats, fixed: Floats, gram: Floats, alpha: float, ridge: float, x: Floats, out: Floats
) -> None:
    """b - A x of one row."""
    _image(columns, weights, fixed, gram, alpha, ridge, x, out)
    for i in range(len(out)):
        out[i] = -out[i]
    for at in range(len(columns)):
        y = fixed[columns[at]]
        target = np.float32(1) + np.float32(alpha) * weights[at]
        for i in range(len(out)):
            out[i] += target * y[i]


@njit(cache=True, nogil=True, fastmath=_FAST)
def _image(
    columns: Codes, weights: Floats, fixed: Floats, gram: Floats, alpha: float, ridge: float, x: Floats, out: Floats
) -> None:
    """A x of one row, without ever making A."""
    for i in range(len(out)):
        out[i] = np.float32(ridge) * x[i]
    for j in range(len(out)):
        for i in range(len(out)):
            out[i] += x[j] * gram[j, i]
    for at in range(len(columns)):
        y = fixed[columns[at]]
        scale = np.float32(alpha) * weights[at] * _dot(y, x)
        for i in range(len(out)):
            out[i] += scale * y[i]
