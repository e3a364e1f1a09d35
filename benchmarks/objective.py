"""The objective that implicit ALS minimises, computed from factors, to compare two solvers."""

from __future__ import annotations

from typing import Any

import numpy as np
from pyspark.sql import DataFrame

from benchmarks.lightgcn import Ints


def implicit_objective(
    user_factors: DataFrame, item_factors: DataFrame, train: tuple[Ints, Ints], alpha: float, regularisation: float
) -> float:
    """Σ (1 + α w)(p - x·y)² over all pairs, and λ (Σ n_u |x|² + Σ n_i |y|²); every pair of `train` has weight 1.

    Args:
        user_factors: id (a number, as text or not), vector.
        item_factors: the same of products.
        train: users and items.
        alpha: confidence gained by the pairs of `train`.
        regularisation: λ.
    """
    users, items = np.unique(np.stack(train), axis=1)
    X, Y = _matrix(user_factors, users.max() + 1), _matrix(item_factors, items.max() + 1)
    known = np.concatenate([np.einsum("ij,ij->i", X[u], Y[i]) for u, i in _pieces(users, items)])
    everything = float(((X.T @ X) * (Y.T @ Y)).sum())
    observed = float(((1 + alpha) * (1 - known) ** 2 - known**2).sum())
    of_users = np.bincount(users, minlength=len(X)) @ (X**2).sum(axis=1)
    of_items = np.bincount(items, minlength=len(Y)) @ (Y**2).sum(axis=1)
    return everything + observed + regularisation * float(of_users + of_items)


def _pieces(users: Ints, items: Ints, rows: int = 100_000) -> Any:
    return ((users[at : at + rows], items[at : at + rows]) for at in range(0, len(users), rows))


def _matrix(factors: DataFrame, n_rows: int) -> Any:
    """The factors as rows at the place of their id; zeros where there is none."""
    table = factors.toArrow().combine_chunks()
    vectors = table.column("vector").combine_chunks().flatten().to_numpy(zero_copy_only=False)
    matrix = np.zeros((n_rows, len(vectors) // max(table.num_rows, 1)))
    matrix[table.column("id").to_numpy(zero_copy_only=False).astype(np.int64)] = vectors.reshape(table.num_rows, -1)
    return matrix
