"""GF-CF: a customer's products, passed through a low-pass filter of the graph (Shen et al. 2021)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Self

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.core.event_types import EVENT_WEIGHTS
from cartograph.core.model import Model, NotFitted, Silver
from cartograph.core.pairs.coded_groups import coded_groups
from cartograph.core.pairs.counts import catalogue_of, counted, neighbour_lists
from cartograph.core.search.neighbours import with_lists
from cartograph.core.search.topk import matrix_of
from cartograph.core.settings import settings_of
from cartograph.core.views.interactions import coded_pairs, interactions
from cartograph.core.views.seen import mask_of
from cartograph.graph.settings import GfCfSettings
from cartograph.graph.spectral.filtering import Filter, filtered
from cartograph.graph.spectral.pair_weights import inverse_lengths, shared_weight
from cartograph.graph.spectral.singular_vectors import singular_vectors

_USERS_PER_TASK = 20_000


class GfCf(Model):
    """Scores of a customer with products r (zeros and ones), in closed form:

        s = r (ÑᵀÑ + α D^-1/2 V Vᵀ D^1/2),   Ñ = D_u^-1/2 N D^-1/2,

    N the binary customer-product matrix, D_u and D its row and column sums, V the right singular vectors of Ñ with the
    largest singular values (`spectral.singular_vectors`). The first term, the linear filter, counts shared customers;
    each product keeps `n_neighbours` pairs of it, counted by `core.pairs.counts`. The second is the ideal low-pass
    filter. Nothing is trained, which makes it a baseline for networks on the same graph.

    The driver holds 8 n_vectors bytes per product, and so does each task: `max_products` limits them.

    Args:
        settings: see `GfCfSettings`; its fields may be given as keywords.
        event_weights: weight of each event type; a product counts if the sum of a customer's weights is positive.
        mask_seen: never recommend what the customer has seen (`core.views.seen`).
    """

    name = "gfcf"

    def __init__(
        self,
        settings: GfCfSettings | None = None,
        *,
        event_weights: Mapping[str, float] = EVENT_WEIGHTS,
        mask_seen: bool = True,
        **changed: Any,
    ) -> None:
        self.settings = settings_of(GfCfSettings, settings, changed)
        self.event_weights = event_weights
        self.mask_seen = mask_seen
        self.lists_: DataFrame | None = None
        self.filter_: Filter | None = None

    def fit(self, data: Silver) -> Self:
        """Learns the linear filter, `lists_` (product_id, associated_product_ids, scores), and the ideal `filter_`.

        Raises:
            ValueError: more products than `max_products`.
            TooFewSlots: fewer free cores than the group needs.
        """
        settings = self.settings
        liked = interactions(data.events, self.event_weights, settings.newest).where("weight > 0").persist()
        groups = coded_groups(liked.groupBy("user_id").agg(F.collect_list("product_id").alias("product_ids")))
        catalogue = catalogue_of(groups)
        n_items = len(catalogue.product_ids)
        if n_items > settings.max_products:
            raise ValueError(
                f"gfcf holds {8 * settings.n_vectors} bytes per product in every task, and there are {n_items} "
                f"products: raise graph.gfcf.max_products above {settings.max_products}, or lower graph.gfcf.n_vectors"
            )
        rows_of = partial(counted, weigh=inverse_lengths)
        lists = neighbour_lists(groups, catalogue, settings.n_neighbours, rows_of, shared_weight)
        self.lists_ = lists.localCheckpoint()
        self.filter_ = self._ideal(liked, catalogue.product_ids)
        liked.unpersist()
        return self

    def _ideal(self, liked: DataFrame, product_ids: pa.Array) -> Filter:
        """The ideal filter, with products in order of their codes."""
        settings = self.settings
        if not settings.alpha:
            empty = np.zeros((len(product_ids), 0), np.float32)
            return Filter(product_ids, empty, empty)
        pairs, _, _ = coded_pairs(liked)
        ends = pairs.select("user", "item")
        found = singular_vectors(ends, len(product_ids), settings.n_vectors, settings.sweeps, settings.seed)
        table = found.toArrow().sort_by("code").combine_chunks()
        vectors = matrix_of(table["vector"].combine_chunks())
        roots = np.sqrt(table["degree"].to_numpy().astype(np.float32))[:, None]
        return Filter(product_ids, vectors / roots, settings.alpha * vectors * roots)

    def associate(self, k: int) -> DataFrame:
        """The recommendations to a customer with that product alone: product_id, associated_product_id, score, rank."""
        if self.lists_ is None or self.filter_ is None:
            raise NotFitted(self)
        spark = self.lists_.sparkSession
        alone = spark.createDataFrame(pa.table({"user_id": self.filter_.product_ids}))
        scored = self._scored(alone.withColumn("product_ids", F.array("user_id")), k, mask_seen=True)
        return scored.withColumnsRenamed({"product_id": "associated_product_id", "user_id": "product_id"})

    def recommend(self, users: DataFrame, k: int) -> DataFrame:
        """The `k` products of the highest score: user_id, product_id, score, rank."""
        return self._scored(users, k, self.mask_seen)

    def _scored(self, users: DataFrame, k: int, mask_seen: bool) -> DataFrame:
        if self.lists_ is None or self.filter_ is None:
            raise NotFitted(self)
        had: Any = F.array_distinct("product_ids")
        queries = users.select(
            F.col("user_id").alias("id"),
            had.alias("ids"),
            F.transform(had, lambda _: F.lit(1.0)).alias("values"),
            mask_of(users, mask_seen).alias("mask"),
        )
        lists = self.lists_.toDF("id", "ids", "values")
        dense = users.sparkSession.sparkContext.broadcast(self.filter_)
        schema = "user_id string, product_id string, score double, rank int"
        return with_lists(queries, lists, _USERS_PER_TASK).mapInArrow(partial(filtered, dense=dense, k=k), schema)
