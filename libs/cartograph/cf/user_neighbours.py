"""User neighbours: customers are similar when they interacted with the same products (Herlocker et al. 1999)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from cartograph.cf.settings import UserNeighboursSettings
from cartograph.cf.user_kernel import UNIT, find_nearest, similarity
from cartograph.core.event_types import EVENT_WEIGHTS
from cartograph.core.model import Model, NotFitted, Silver
from cartograph.core.pairs.coded_groups import coded_groups
from cartograph.core.pairs.counts import PairRows, catalogue_of, counted, neighbour_lists
from cartograph.core.pairs.kernels import Floats, Longs, flat
from cartograph.core.search.heaps import best_lists, empty_heaps
from cartograph.core.search.neighbours import (
    associations_of,
    found_in,
    positions_of,
    recommend_sums,
    rows_and_lists,
    with_lists,
)
from cartograph.core.settings import settings_of
from cartograph.core.views.interactions import interactions
from cartograph.core.views.seen import mask_of
from cartograph.core.workers.groups import no_values

_NEIGHBOURS = "id string, ids array<string>, values array<double>, mask array<string>"
_USERS_PER_TASK = 5_000


class UserNeighbours(Model):
    """What the most similar customers have, each product scored by the sum of their similarities.

    With n_u products of customer u, n_uv of both, and n in the catalogue, the similarity is

    - `cosine`: n_uv / sqrt(n_u n_v), or
    - `pearson`: (n n_uv - n_u n_v) / sqrt(n_u (n - n_u) n_v (n - n_v)), the correlation of the customers' rows of zeros
      and ones; only a positive similarity makes a neighbour.

    times n_uv / (n_uv + shrinkage) and times min(n_uv, threshold) / threshold: few common products are weak evidence.

    Neighbours are searched at recommendation time, from the histories given, so customers who came after `fit` have
    them too. The cost per customer is the number of customers of each of their products. Of a product only the newest
    `max_users` customers are searched, so two customers who share nothing but best sellers may miss each other. A task
    answers 5,000 customers: it holds the customers of their products, at most `max_users` each, then the products of
    their neighbours. Nothing that grows with customers reaches the driver. How strongly a customer interacted with a
    product is ignored, as long as the weights sum to more than 0.

    Two products are associated by what a customer with only the first would be recommended: the sum, over the customers
    of both, of their similarity to that customer, here without a limit on neighbours.
    """

    name = "user_neighbours"

    def __init__(
        self,
        settings: UserNeighboursSettings | None = None,
        *,
        event_weights: Mapping[str, float] = EVENT_WEIGHTS,
        mask_seen: bool = True,
        **changed: Any,
    ) -> None:
        self.settings = settings_of(UserNeighboursSettings, settings, changed)
        self.event_weights = event_weights
        self.mask_seen = mask_seen
        self.groups_: DataFrame | None = None
        self.buyers_: DataFrame | None = None
        self.n_products_ = 0

    def fit(self, data: Silver) -> Self:
        """Learns `groups_` (user_id, product_ids) and `buyers_`: rows of `buyers`."""
        touched = (
            interactions(data.events, self.event_weights, self.settings.newest).where("weight > 0").localCheckpoint()
        )
        self.groups_ = touched.groupBy("user_id").agg(F.collect_list("product_id").alias("product_ids"))
        self.buyers_ = buyers(touched, self.settings.max_users).localCheckpoint()
        self.n_products_ = self.buyers_.count()
        return self

    def associate(self, k: int) -> DataFrame:
        """The `k` products that customers of each product have most: product_id, associated_product_id, score, rank."""
        if self.groups_ is None:
            raise NotFitted(self)
        weigh = partial(single_weights, n_products=self.n_products_, pearson=self.settings.measure == "pearson")
        rows_of = partial(counted, weigh=weigh)
        groups = coded_groups(self.groups_)
        return associations_of(neighbour_lists(groups, catalogue_of(groups), k, rows_of, _summed), k)

    def recommend(self, users: DataFrame, k: int) -> DataFrame:
        """The `k` products that the most similar customers have most: user_id, product_id, score, rank."""
        if self.groups_ is None:
            raise NotFitted(self)
        ones = F.transform("product_ids", lambda _: F.lit(1.0)).alias("values")
        lists = self.groups_.select(F.col("user_id").alias("id"), F.col("product_ids").alias("ids"), ones)
        asked = self.neighbours(users).localCheckpoint()
        return recommend_sums(asked, lists, k, _USERS_PER_TASK)

    def neighbours(self, users: DataFrame) -> DataFrame:
        """The nearest customers of each customer: id, ids, values (similarities, best first), mask (products seen).

        Customers without any have no row.
        """
        if self.buyers_ is None:
            raise NotFitted(self)
        asked = users.select(
            F.col("user_id").alias("id"),
            F.slice(F.array_distinct(F.reverse("product_ids")), 1, self.settings.recent).alias("ids"),
            no_values("double").alias("values"),
            mask_of(users, self.mask_seen).alias("mask"),
        )
        find = partial(_nearest, n_products=self.n_products_, settings=self.settings)
        return with_lists(asked, self.buyers_, _USERS_PER_TASK).mapInArrow(find, _NEIGHBOURS)


def buyers(touched: DataFrame, max_users: int) -> DataFrame:
    """One row per product: id, ids (its `max_users` newest customers), values (how many products each has), aligned.

    Args:
        touched: user_id, product_id, last_at; one row per pair.
    """
    sizes = touched.groupBy("user_id").agg(F.count("*").cast("double").alias("n_products"))
    newest_first = Window.partitionBy("product_id").orderBy(F.desc("last_at"), F.asc("user_id"))
    newest = touched.withColumn("age", F.row_number().over(newest_first)).where(F.col("age") <= max_users)
    customer = F.struct("user_id", "n_products")
    lists = newest.join(sizes, "user_id").groupBy("product_id").agg(F.collect_list(customer).alias("customers"))
    return lists.select(
        F.col("product_id").alias("id"),
        F.col("customers.user_id").alias("ids"),
        F.col("customers.n_products").alias("values"),
    )


def single_weights(lengths: Longs, n_products: int, pearson: bool) -> Longs:
    """Similarity of customers with that many products to a customer of one of these alone, in units of 1 / UNIT."""
    distinct, inverse = np.unique(lengths, return_inverse=True)
    weights = [similarity(1.0, 1.0, float(n), float(n_products), pearson, 0.0, 1.0) for n in np.maximum(distinct, 1)]
    whole: Longs = np.maximum(UNIT * np.array(weights, dtype=np.float64), 1).astype(np.int64)
    return whole[inverse]


def _summed(pairs: PairRows) -> Floats:
    """One score per pair, from the summed weights of the customers in common."""
    scores: Floats = pairs.sums / UNIT
    return scores


def _nearest(
    batches: Iterable[pa.RecordBatch], n_products: int, settings: UserNeighboursSettings
) -> Iterator[pa.RecordBatch]:
    """Neighbours of the customers of one task."""
    given = rows_and_lists(batches)
    if given is None:
        return
    users, lists = given
    list_starts, listed = flat(lists["ids"].chunk(0))
    ids = listed.unique()
    ids = ids.take(pc.sort_indices(ids))
    codes = found_in(listed, ids)
    sizes = np.empty(len(ids))
    sizes[codes] = flat(lists["values"].chunk(0))[1].to_numpy()
    scores, positions = empty_heaps(users.num_rows, settings.n_neighbours, np.float64)
    find_nearest(
        *positions_of(users["ids"], lists["id"].chunk(0)), found_in(users["id"].chunk(0), ids), list_starts, codes,
        sizes, n_products, settings.measure == "pearson", settings.shrinkage, float(settings.threshold), scores,
        positions,
    )  # fmt: skip
    found = [users["id"].chunk(0), *best_lists(scores, positions, ids), users["mask"].chunk(0)]
    some = pa.array((positions >= 0).any(axis=1))
    yield pa.RecordBatch.from_arrays(found, names=["id", "ids", "values", "mask"]).filter(some)
