"""Recommendations from vectors: learned ones of known customers, folded-in ones of new customers."""

from __future__ import annotations

from collections.abc import Callable

from pyspark.sql import DataFrame

from cartograph.core.search.approximate import best_products
from cartograph.core.views.seen import mask_of


def recommend_from_vectors(
    users: DataFrame,
    user_vectors: DataFrame,
    item_vectors: DataFrame,
    k: int,
    mask_seen: bool,
    approximate_above: int | None,
    fold_in: Callable[[DataFrame], DataFrame] | None,
) -> DataFrame:
    """The `k` products of the largest inner products: user_id, product_id, score, rank.

    Args:
        users: as `core.views.histories` makes them.
        user_vectors: user_id, vector.
        item_vectors: product_id, vector.
        k: length of a list.
        mask_seen: never recommend what the customer has seen.
        approximate_above: with more products the search is approximate (`core.search.approximate`); None: never.
        fold_in: gives customers without a vector (user_id, product_ids, mask) one: user_id, vector, mask; None: they
            get no recommendations.
    """
    queries = users.select("user_id", "product_ids", mask_of(users, mask_seen).alias("mask"))
    vectors = queries.join(user_vectors, "user_id").select("user_id", "vector", "mask")
    if fold_in is not None:
        vectors = vectors.unionByName(fold_in(queries.join(user_vectors, "user_id", "left_anti")))
    found = best_products(vectors.withColumnRenamed("user_id", "id"), item_vectors, k, approximate_above)
    return found.withColumnRenamed("id", "user_id")
