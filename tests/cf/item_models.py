"""A small random shop for the item-to-item models, and their formulas written out slowly."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from cartograph.core.model import Model, Silver
from tests.core.checkerboard import filled

N_USERS, N_ITEMS = 30, 12
START = datetime(2026, 1, 1, tzinfo=UTC)
Matrix = npt.NDArray[np.float64]
Scores = dict[tuple[str, str], float]


def sequences() -> list[list[int]]:
    """Per customer the products in order of time, a day apart; nobody has product 11, customer 0 just one."""
    rng = np.random.default_rng(5)
    shares = np.arange(N_ITEMS - 1, 0, -1) ** 1.0
    sizes = [1, *rng.integers(2, 8, N_USERS - 1)]
    return [rng.choice(N_ITEMS - 1, size, replace=False, p=shares / shares.sum()).tolist() for size in sizes]


def product(i: int) -> str:
    """Id of product `i`; ids sort as their numbers do."""
    return f"p{i:02}"


def silver(spark: SparkSession, chosen: list[int] | None = None) -> Silver:
    """The customers' purchases, all of a customer in one order."""
    rows = [
        (f"e{user}-{place}", f"u{user}", product(item), "purchase", f"o{user}", START + timedelta(days=user + place))
        for user, items in enumerate(sequences())
        for place, item in enumerate(items)
        if chosen is None or user in chosen
    ]
    named = "event_id string, user_id string, product_id string, event_type string, order_id string, event_at timestamp"
    events = filled(spark.createDataFrame(rows, named), "silver.events").persist()
    baskets = events.groupBy("order_id").agg(
        F.first("user_id").alias("user_id"),
        F.min("event_at").alias("ordered_at"),
        F.array_sort(F.collect_set("product_id")).alias("product_ids"),
    )
    products = spark.createDataFrame([(product(i),) for i in range(N_ITEMS)], "product_id string")
    return Silver(events, baskets, filled(products, "silver.products"))


def found(model: Model, k: int = N_ITEMS) -> Scores:
    """The model's associations by pair."""
    return scores_of(model.associate(k))


def scores_of(associations: DataFrame) -> Scores:
    """Scores by pair."""
    return {(row.product_id, row.associated_product_id): row.score for row in associations.collect()}


def matrix() -> Matrix:
    """Customers by products, 1 where a customer has a product."""
    X = np.zeros((N_USERS, N_ITEMS))
    for user, items in enumerate(sequences()):
        X[user, items] = 1
    return X


def scored(score: Callable[[int, int], float | None]) -> Scores:
    """The scores of all pairs of different products that the formula gives one."""
    values = {(i, j): score(i, j) for i in range(N_ITEMS) for j in range(N_ITEMS) if i != j}
    return {(product(i), product(j)): value for (i, j), value in values.items() if value is not None}


def cosines(shrinkage: float) -> Scores:
    X = matrix()
    G, n = X.T @ X, X.sum(0)
    return scored(lambda i, j: G[i, j] / np.sqrt(n[i] * n[j]) * G[i, j] / (G[i, j] + shrinkage) if G[i, j] else None)


def walks(alpha: float, beta: float) -> Scores:
    X = matrix()
    n_u, n_i = X.sum(1), X.sum(0)

    def score(i: int, j: int) -> float | None:
        both = [u for u in range(N_USERS) if X[u, i] and X[u, j]]
        return sum((1 / n_i[i]) ** alpha * (1 / n_u[u]) ** alpha for u in both) / n_i[j] ** beta if both else None

    return scored(score)


def swings(alpha: float, exponent: float, min_common: int) -> Scores:
    X = matrix()
    weight = X.sum(1) ** -exponent

    def score(i: int, j: int) -> float | None:
        both = [u for u in range(N_USERS) if X[u, i] and X[u, j]]
        pairs = combinations(both, 2)
        total = sum(weight[u] * weight[v] / (alpha + X[u] @ X[v]) for u, v in pairs)
        return total if len(both) >= min_common else None

    return scored(score)


def ease(regularisation: float) -> Scores:
    X = matrix()[:, : N_ITEMS - 1]
    P = np.linalg.inv(X.T @ X + regularisation * np.eye(N_ITEMS - 1))
    B = -P / np.diag(P)
    return scored(lambda i, j: B[i, j] if max(i, j) < N_ITEMS - 1 and B[i, j] > 0 else None)


def decayed(distance: float, backward: float, half_life: float, exponent: float) -> Scores:
    n = matrix().sum(0)
    newest = max(user + len(items) - 1 for user, items in enumerate(sequences()))
    total = np.zeros((N_ITEMS, N_ITEMS))
    for user, items in enumerate(sequences()):
        for p, q in combinations(range(len(items)), 2):
            weight = distance ** (q - p - 1) * 0.5 ** ((newest - user - q) / half_life)
            total[items[p], items[q]] += weight
            total[items[q], items[p]] += backward * weight
    return scored(lambda i, j: total[i, j] / n[j] ** exponent if total[i, j] else None)


def confidences(min_count: int) -> Scores:
    X = matrix()
    G, n = X.T @ X, X.sum(0)
    return scored(lambda i, j: G[i, j] / n[i] if G[i, j] >= max(min_count, 1) else None)


def excesses() -> Scores:
    X = matrix()
    G, n, lengths = X.T @ X, X.sum(0), X.sum(1)

    def score(i: int, j: int) -> float | None:
        expected = sum(1 - (1 - n[j] / n.sum()) ** (lengths[u] - 1) for u in range(N_USERS) if X[u, i])
        return (G[i, j] - expected) / np.sqrt(expected) if G[i, j] else None

    return scored(score)


def log_likelihood_ratios() -> Scores:
    """Two times the sum of observed * log(observed / expected) over the four cells."""
    X = matrix()

    def score(i: int, j: int) -> float | None:
        table: Any = np.array([[np.sum((X[:, i] == a) & (X[:, j] == b)) for b in (1, 0)] for a in (1, 0)], dtype=float)
        expected = np.outer(table.sum(1), table.sum(0)) / N_USERS
        if not table[0, 0] > expected[0, 0]:
            return None
        cells = table > 0
        return float(2 * np.sum(table[cells] * np.log(table[cells] / expected[cells])))

    return scored(score)
