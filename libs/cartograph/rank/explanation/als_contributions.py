"""Which of a customer's own products a score of ALS comes from (Hu, Koren and Volinsky 2008, section 5).

Given the product factors y, a customer's factor is linear in the products of their history: x = Σ_j t_j A⁻¹ y_j, where
A = Σ y yᵀ + Σ_j c_j y_j y_jᵀ + λ n^ν, j runs over these products, c = α |w| is the confidence added by their weight w,
and t = 1 + α w, or 0 if w is negative. So product j contributes t_j y_iᵀ A⁻¹ y_j to the score x · y_i of product i. The
rest of the score, because iterations stopped before x was exact or because the history has changed since x was fitted,
is reported with the other products.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
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
from cartograph.core.views.interactions import debiased, interactions
from cartograph.rank.day import Day
from cartograph.rank.explanation.als_fit import AlsFit, Objective

_PAIR = ["user_id", "product_id"]
_SCHEMA = "user_id string, product_id string, taste map<string, double>"


def contributions_to_lists(lists: DataFrame, day: Day, als: AlsFit | None) -> DataFrame | None:
    """`als_contributions` to the scores of the products that ALS voted for; None without factors of implicit feedback.

    Args:
        lists: user_id, product_id, models: the lists shown.
        day: the day of the lists.
        als: the fit that the model's lists were made by; None if it is unknown.
    """
    if als is None or als.factors is None or not als.settings.implicit:
        return None
    settings = als.settings
    items = als.factors.where("fitted_as_of = as_of").select(F.col("id").alias("product_id"), "vector")
    voted = lists.where(F.array_contains("models", "als")).select(*_PAIR)
    scores = day.lists.where("model = 'als'").join(voted, _PAIR, "left_semi")
    weights = interactions(day.data.events, als.event_weights, half_life_days=settings.half_life_days)
    weights = debiased(weights, settings.debias) if settings.debias else weights
    return als_contributions(scores, weights, items, settings)


def als_contributions(
    scores: DataFrame, weights: DataFrame, items: DataFrame, objective: Objective, n: int = 3
) -> DataFrame:
    """One row per customer and product with a score and a factor: user_id, product_id, taste.

    The numbers of taste (map from product_id to double) sum to the score: the `n` largest contributions of own products
    and, as `other`, the rest. Customers without any product that has a factor have no rows.

    Args:
        scores: user_id, product_id, score: of the model.
        weights: user_id, product_id, weight: the interactions the model was fitted to.
        items: product_id, vector. Held whole by each task.
        objective: of the model.
    """
    table = items.select("product_id", "vector").toArrow().combine_chunks()
    factors = matrix_of(table["vector"].combine_chunks()).astype(np.float64)
    product_ids = pa.concat_arrays([pa.array([], pa.string()), *table["product_id"].chunks])
    shared = scores.sparkSession.sparkContext.broadcast((product_ids, factors, factors.T @ factors))
    weighted = F.struct("product_id", F.col("weight").cast("double").alias("weight"))
    own = weights.groupBy("user_id").agg(F.sort_array(F.collect_list(weighted)).alias("own"))
    scored = F.struct("product_id", F.col("score").cast("double").alias("score"))
    targets = scores.groupBy("user_id").agg(F.sort_array(F.collect_list(scored)).alias("targets"))
    rows = targets.join(own, "user_id").select(
        "user_id", F.col("targets.product_id").alias("targets"), F.col("targets.score").alias("scores"),
        F.col("own.product_id").alias("own"), F.col("own.weight").alias("weights"),
    )  # fmt: skip
    return rows.mapInArrow(partial(_explained, shared=shared, objective=objective, n=n), _SCHEMA)


def _explained(
    batches: Iterable[pa.RecordBatch], shared: Any, objective: Objective, n: int
) -> Iterator[pa.RecordBatch]:
    """The rows of each batch of customers."""
    product_ids, factors, gram = shared.value
    with threadpool_limits(1, user_api="blas"):
        for batch in batches:
            (ends, own), (target_ends, targets) = (
                positions_of(pa.chunked_array([batch.column(name)]), product_ids) for name in ("own", "targets")
            )
            weights, scores = (
                batch.column(name).flatten().to_numpy(zero_copy_only=False) for name in ("weights", "scores")
            )
            users, products, codes, values = [], [np.zeros(0, int)], [np.zeros((0, n + 1), int)], [np.zeros((0, n + 1))]
            for user in range(batch.num_rows):
                history = slice(ends[user], ends[user + 1])
                mine, weight = own[history], weights[history]
                listed = slice(target_ends[user], target_ends[user + 1])
                shown, totals = targets[listed], scores[listed][targets[listed] >= 0]
                known, shown = mine >= 0, shown[shown >= 0]
                if known.any() and len(shown):
                    added = contributions(factors[mine[known]], weight[known], factors[shown], gram, objective)
                    best, most = largest(np.broadcast_to(mine[known], added.shape), added, totals, n)
                    users += [user] * len(shown)
                    products.append(shown)
                    codes.append(best)
                    values.append(most)
            columns = [
                batch.column("user_id").take(pa.array(users, pa.int64())),
                product_ids.take(pa.array(np.concatenate(products))),
                maps_of(np.concatenate(codes), np.concatenate(values), product_ids),
            ]
            yield pa.RecordBatch.from_arrays(columns, names=["user_id", "product_id", "taste"])


def contributions(own: Floats, weights: Floats, targets: Floats, gram: Floats, objective: Objective) -> Floats:
    """Contribution of each own product to the score of each target: (targets, own).

    Args:
        own: factors of the customer's products (own, rank).
        weights: of these.
        targets: factors of the products whose scores are explained (targets, rank).
        gram: Σ y yᵀ over all products.
        objective: of the model.
    """
    confidences, liked = objective.alpha * np.abs(weights), weights > 0
    ridge = objective.regularisation * max(liked.sum(), 1) ** objective.frequency_power
    system = gram + (own.T * confidences) @ own + ridge * np.eye(len(gram))
    added: Floats = np.linalg.solve(system, targets.T).T @ own.T * np.where(liked, 1 + objective.alpha * weights, 0.0)
    return added
