"""Which of a customer's own products a score of ALS comes from (Hu, Koren and Volinsky 2008, section 5).

With the product factors y given, a customer's factor is linear in what he has: x = Σ_j t_j A⁻¹ y_j, where
A = Σ y yᵀ + Σ_j c_j y_j y_jᵀ + λ n^ν, j runs over his products, c = α |w| is the confidence that their weight w adds,
and t = 1 + α w, or 0 where w is negative. So product j adds t_j y_iᵀ A⁻¹ y_j to the score x · y_i of product i.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from threadpoolctl import threadpool_limits

from cartograph.core.topk import matrix_of
from cartograph.rank.parts import OTHER

Floats = npt.NDArray[np.float64]

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
    most, and as `other` what the rest does. Who has no product with a factor has no rows.

    Args:
        asked: user_id, product_id.
        weights: user_id, product_id, weight: what the model has learned from.
        items: product_id, vector. Held whole by each task.
        fit: how the factors were found.
    """
    table = items.select("product_id", "vector").toArrow().combine_chunks()
    factors = matrix_of(table["vector"].combine_chunks()).astype(np.float64)
    product_ids = pa.concat_arrays([pa.array([], pa.string()), *table["product_id"].chunks])
    shipped = asked.sparkSession.sparkContext.broadcast((product_ids, factors, factors.T @ factors))
    had = weights.groupBy("user_id").agg(
        F.sort_array(F.collect_list(F.struct("product_id", F.col("weight").cast("double").alias("weight")))).alias(
            "had"
        )
    )
    wanted = asked.groupBy("user_id").agg(F.array_sort(F.collect_set("product_id")).alias("wanted"))
    rows = wanted.join(had, "user_id").select(
        "user_id", "wanted", F.col("had.product_id").alias("had"), F.col("had.weight").alias("weights")
    )
    return rows.mapInArrow(partial(_told, shipped=shipped, fit=fit, n=n), _SCHEMA)


def _told(batches: Iterable[pa.RecordBatch], shipped: Any, fit: LeastSquares, n: int) -> Iterator[pa.RecordBatch]:
    """The rows of each batch of customers."""
    product_ids, factors, gram = shipped.value
    with threadpool_limits(1, user_api="blas"):
        for batch in batches:
            had, wanted = (_codes(batch.column(name), product_ids) for name in ("had", "wanted"))
            weights = np.split(*_cut(batch.column("weights")))
            rows: list[tuple[str, str, list[tuple[str, float]]]] = []
            for user_id, own, weight, targets in zip(batch.column("user_id"), had, weights, wanted, strict=True):
                known, targets = own >= 0, targets[targets >= 0]
                if not known.any() or not len(targets):
                    continue
                own = own[known]
                added = contributions(factors[own], weight[known], factors[targets], gram, fit)
                names = product_ids.take(pa.array(own)).to_pylist()
                shown = product_ids.take(pa.array(targets)).to_pylist()
                rows += [(user_id.as_py(), one, largest(names, row, n)) for one, row in zip(shown, added, strict=True)]
            columns = list(zip(*rows, strict=True)) or [(), (), ()]
            kinds = (pa.string(), pa.string(), pa.map_(pa.string(), pa.float64()))
            made = [pa.array(column, kind) for column, kind in zip(columns, kinds, strict=True)]
            yield pa.RecordBatch.from_arrays(made, names=["user_id", "product_id", "taste"])


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


def largest(names: list[str], added: Floats, n: int) -> list[tuple[str, float]]:
    """The `n` products that add most, best first, and what the rest adds."""
    best = [place for place in np.argsort(-added, kind="stable")[:n] if added[place] > 0]
    rest = float(added.sum() - added[best].sum())
    return [*((names[place], float(added[place])) for place in best), (OTHER, rest)]


def _codes(lists: pa.ListArray, product_ids: pa.Array) -> list[npt.NDArray[np.int64]]:
    """The place of each product of each list among `product_ids`, -1 where it has none."""
    values, cuts = _cut(lists)
    found = pc.fill_null(pc.index_in(pa.array(values, pa.string()), value_set=product_ids), -1)
    return np.split(found.to_numpy(zero_copy_only=False).astype(np.int64), cuts)


def _cut(lists: pa.ListArray) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
    """The values of all lists, and where they are cut to get the lists."""
    return lists.flatten().to_numpy(zero_copy_only=False), np.cumsum(pc.list_value_length(lists).to_numpy())[:-1]
