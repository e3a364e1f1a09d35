"""Item2vec: embeddings of products that are bought and viewed together.

Baskets and sessions are sentences without an order, in which every product predicts every other (Barkan and Koenigstein
2016): the products of a set are ordered by a hash, and the window is as long as the longest set.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.core.model import Silver
from cartograph.core.settings import settings_of
from cartograph.core.views.product_sets import orders, sessions, shuffled
from cartograph.embed.settings import ItemSettings
from cartograph.embed.skip_gram import least_count, skip_gram, token_counts
from cartograph.embed.vector_model import Earlier, VectorModel, Vectors, unhashed

_EVENT_TYPES = ("view", "cart", "purchase")  # that make up a session


class Item2Vec(VectorModel):
    """Products bought and seen with the same others are close. All are embedded together in every run."""

    name = "item2vec"

    def __init__(self, settings: ItemSettings | None = None, **changed: Any) -> None:
        self.settings = settings_of(ItemSettings, settings, changed)

    def embed(self, data: Silver, earlier: Mapping[str, Earlier]) -> Vectors:
        """product_id, vector, source_hash (null) from baskets and sessions."""
        del earlier
        return Vectors(unhashed(item_vectors(data, self.settings)))


def item_vectors(data: Silver, settings: ItemSettings | None = None, **changed: Any) -> DataFrame:
    """One row per product that is in enough sets: product_id, vector (array<float>).

    Args:
        data: silver tables before `as_of`.
        settings: of skip-gram, the sets and the vocabulary.
        changed: settings by name.

    Raises:
        TooLittle: no product is in `min_count` sets with others.
        ValueError: `max_products` are too few to hold even the commonest products.
    """
    settings = settings_of(ItemSettings, settings, changed)
    max_set = settings.max_set
    together = orders(data.baskets, max_set).unionByName(sessions(data.events, _EVENT_TYPES, max_set))
    sets = shuffled(together.where("size(product_ids) > 1")).withColumnRenamed("product_ids", "tokens").persist()
    least = least_count(token_counts(sets), settings.min_count, settings.max_products)
    vectors = skip_gram(sets, settings, window=max_set, least=least, longest=max_set)
    sets.unpersist()
    return vectors.select(F.col("token").alias("product_id"), "vector")
