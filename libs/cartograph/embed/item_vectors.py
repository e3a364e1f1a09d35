"""Vectors of products from what they are bought and seen with: item2vec.

Baskets and sessions are sentences without an order, in which every product is told from every other (Barkan and
Koenigstein 2016): the products of a set stand in an order drawn by a hash, within a window as long as the longest set.
"""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.core.model import Silver
from cartograph.core.views.product_sets import orders, sessions, shuffled
from cartograph.embed.skip_gram import least_count, skip_gram, token_counts

_EVENT_TYPES = ("view", "cart", "purchase")  # that make up a session


def item_vectors(
    data: Silver,
    *,
    width: int = 64,
    iterations: int = 10,
    max_set: int = 50,
    min_count: int = 3,
    max_products: int = 100_000,
    seed: int = 7,
) -> DataFrame:
    """One row per product that is in enough sets: product_id, vector (array<float>).

    Args:
        data: silver tables before `as_of`.
        width, iterations, seed: see `skip_gram`.
        max_set: products of a basket or a session that count; of more, some are drawn.
        min_count: products in fewer sets have no vector …
        max_products: … nor have the rarest of those left, if they would be more than this.

    Raises:
        TooFewTokens: no product is in `min_count` sets with others.
        ValueError: `max_products` are too few to hold even the commonest products.
    """
    together = orders(data.baskets, max_set).unionByName(sessions(data.events, _EVENT_TYPES, max_set))
    sets = shuffled(together.where("size(product_ids) > 1")).withColumnRenamed("product_ids", "tokens").persist()
    least = least_count(token_counts(sets), min_count, max_products)
    vectors = skip_gram(
        sets, width=width, window=max_set, iterations=iterations, least=least, longest=max_set, seed=seed
    )
    sets.unpersist()
    return vectors.select(F.col("token").alias("product_id"), "vector")
