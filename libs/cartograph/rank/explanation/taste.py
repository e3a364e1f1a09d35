"""Which of a customer's own products a score of ALS comes from (Hu, Koren and Volinsky 2008, section 5).

With the product factors y given, a customer's factor is linear in what he has: x = Σ_j t_j A⁻¹ y_j, where
A = Σ y yᵀ + Σ_j c_j y_j y_jᵀ + λ n^ν, j runs over his products, c = α |w| is the confidence that their weight w adds,
and t = 1 + α w, or 0 where w is negative. So product j adds t_j y_iᵀ A⁻¹ y_j to the score x · y_i of product i.
What the score has beyond that sum, as iterations ended before x was exact, or as x stands for a history that has
changed since, is told with the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from threadpoolctl import threadpool_limits

from cartograph.core.contributions import Floats, largest, maps_of
from cartograph.core.search.neighbours import positions_of
from cartograph.core.search.topk import matrix_of

_SCHEMA = "user_id string, product_id string, taste map<string, double>"


@dataclass(frozen=True)
class LeastSquares:
    """What the factors were found with: α, λ and ν of the objective."""

    alpha: float
    regularisation: float
    frequency_power: float = 1.0


def tastes(asked: DataFrame, weights: DataFrame, items: DataFrame, fit: LeastSquares, n: int = 3) -> DataFrame:
    """One row per customer and product asked about whose factor is known: user_id, product_id, taste.

    The numbers of taste (map from product_id to double) sum to the score: what the customer's `n` products add that add
    most, and as `other` the rest. Who has no product with a factor has no rows.

    Args:
        asked: user_id, product_id, score: that of the model.
        weights: user_id, product_id, weight: what the model has learned from.
        items: product_id, vector. Held whole by each task.
        fit: how the factors were found.
    """
    table = items.select("product_id", "vector").toArrow().combine_chunks()
    factors = matrix_of(table["vector"].combine_chunks()).astype(np.float64)
    product_ids = pa.concat_arrays([pa.array([], pa.string()), *table["product_id"].chunks])
    shipped = asked.sparkSession.sparkContext.broadcast((product_ids, factors, factors.T @ factors))
    weighed = F.struct("product_id", F.col("weight").cast("double").alias("weight"))
    had = weights.groupBy("user_id").agg(F.sort_array(F.collect_list(weighed)).alias("had"))
    scored = F.struct("product_id", F.col("score").cast("double").alias("score"))
    wanted = asked.groupBy("user_id").agg(F.sort_array(F.collect_list(scored)).alias("wanted"))
    rows = wanted.join(had, "user_id").select(
        "user_id", F.col("wanted.product_id").alias("wanted"), F.col("wanted.score").alias("scores"),
        F.col("had.product_id").alias("had"), F.col("had.weight").alias("weights"),
    )  # fmt: skip
    return rows.mapInArrow(partial(_told, shipped=shipped, fit=fit, n=n), _SCHEMA)


def _told(batches: Iterable[pa.RecordBatch], shipped: Any, fit: LeastSquares, n: int) -> Iterator[pa.RecordBatch]:
    """The rows of each batch of customers."""
    product_ids, factors, gram = shipped.value
    with threadpool_limits(1, user_api="blas"):
        for batch in batches:
            (ends, had), (wanted_ends, wanted) = (
                positions_of(pa.chunked_array([batch.column(name)]), product_ids) for name in ("had", "wanted")
            )
            weights, scores = (
                batch.column(name).flatten().to_numpy(zero_copy_only=False) for name in ("weights", "scores")
            )
            users, asked, codes, values = [], [np.zeros(0, int)], [np.zeros((0, n + 1), int)], [np.zeros((0, n + 1))]
            for user in range(batch.num_rows):
                inside = slice(ends[user], ends[user + 1])
                own, weight = had[inside], weights[inside]
                asking = slice(wanted_ends[user], wanted_ends[user + 1])
                targets, totals = wanted[asking], scores[asking][wanted[asking] >= 0]
                known, targets = own >= 0, targets[targets >= 0]
                if known.any() and len(targets):
                    added = contributions(factors[own[known]], weight[known], factors[targets], gram, fit)
                    best, most = largest(np.broadcast_to(own[known], added.shape), added, totals, n)
                    users += [user] * len(targets)
                    asked.append(targets)
                    codes.append(best)
                    values.append(most)
            columns = [
                batch.column("user_id").take(pa.array(users, pa.int64())),
                product_ids.take(pa.array(np.concatenate(asked))),
                maps_of(np.concatenate(codes), np.concatenate(values), product_ids),
            ]
            yield pa.RecordBatch.from_arrays(columns, names=["user_id", "product_id", "taste"])


def contributions(own: Floats, weights: Floats, wanted: Floats, gram: Floats, fit: LeastSquares) -> Floats:
    """What each product that a customer has adds to the score of each one wanted: (wanted, own).

    Args:
        own: factors of the customer's products (own, rank).
        weights: of these.
        wanted: factors of the products whose scores are explained (wanted, rank).
        gram: Σ y yᵀ over all products.
        fit: how the factors were found.
    """
    confidences, liked = fit.alpha * np.abs(weights), weights > 0
    ridge = fit.regularisation * max(liked.sum(), 1) ** fit.frequency_power
    system = gram + (own.T * confidences) @ own + ridge * np.eye(len(gram))
    added: Floats = np.linalg.solve(system, wanted.T).T @ own.T * np.where(liked, 1 + fit.alpha * weights, 0.0)
    return added
