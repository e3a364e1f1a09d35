"""Item neighbours: products are alike when the same customers had to do with them (Sarwar et al. 2001)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from numba import njit
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.cf.interactions import EVENT_WEIGHTS, interactions
from cartograph.core.codes import numbered
from cartograph.core.heaps import Positions, Scores, empty_heaps, is_worse, order_best_first, replace_worst
from cartograph.core.model import NotFitted, Silver, recommend_from_associations
from cartograph.core.topk import exploded

Ints = npt.NDArray[np.int32]

_PAIRS_PER_TASK = 100_000_000  # pairs a task counts: about a second, and at most 400 MB of histories


class ItemNeighbours:
    """Cosine of products over the customers that had to do with them, shrunk where few did.

    With n_i customers of product i and n_ij of both: n_ij / sqrt(n_i n_j) * n_ij / (n_ij + shrinkage).

    Args:
        n_neighbours: neighbours kept per product.
        shrinkage: customers in common that a pair needs for half of its cosine; 0: the plain cosine.
        newest: products of a customer that count, those touched last.
        recent: products of a history that `recommend` starts from, the last ones.
        event_weights: what an event of each type weighs; a pair counts when its weights add up to more than nothing.
        mask_seen: never recommend what is in the customer's history.
    """

    name = "item_neighbours"

    def __init__(
        self,
        *,
        n_neighbours: int = 100,
        shrinkage: float = 5.0,
        newest: int = 500,
        recent: int = 50,
        event_weights: Mapping[str, float] = EVENT_WEIGHTS,
        mask_seen: bool = True,
    ) -> None:
        self.n_neighbours = n_neighbours
        self.shrinkage = shrinkage
        self.newest = newest
        self.recent = recent
        self.event_weights = event_weights
        self.mask_seen = mask_seen
        self.associations_: DataFrame | None = None

    def fit(self, data: Silver) -> Self:
        """Learns `associations_`: product_id, associated_product_id, score, rank."""
        touched = interactions(data.events, self.event_weights, self.newest).where("weight > 0")
        codes = numbered(touched, "product_id")
        coded = touched.join(codes, "product_id")
        counts = coded.groupBy("code").agg(F.count("*").cast("int").alias("n_users")).join(codes, "code")
        products = counts.select("product_id", "n_users").toArrow().sort_by("product_id").combine_chunks()
        histories = coded.groupBy("user_id").agg(F.collect_list("code").alias("codes")).persist()
        self.associations_ = self._neighbours(histories, products).localCheckpoint()
        histories.unpersist()
        return self

    def _neighbours(self, histories: DataFrame, products: pa.Table) -> DataFrame:
        """Ranked neighbours of each product, each task finding those of the products of one block.

        A history goes to every block that it has a product of. That moves at most as much as the pairs it holds,
        as a rule far less, and each pair is counted in full where it is needed: no partial counts to add up.
        """
        context = histories.sparkSession.sparkContext
        n_pairs = histories.agg(F.sum(F.pow(F.size("codes"), F.lit(2)))).head()[0] or 0  # type: ignore[index]
        n_blocks = max(context.defaultParallelism, int(n_pairs // _PAIRS_PER_TASK) + 1)
        blocks = F.array_distinct(F.transform("codes", lambda code: code % n_blocks))
        rank = partial(
            _rank_block,
            product_ids=context.broadcast(products.column("product_id").combine_chunks()),
            n_users=context.broadcast(products.column("n_users").to_numpy()),
            n_blocks=n_blocks,
            k=self.n_neighbours,
            shrinkage=self.shrinkage,
        )
        schema = "product_id string, associated_product_id string, score double, rank int"
        return histories.select(F.explode(blocks).alias("block"), "codes").groupBy("block").applyInArrow(rank, schema)

    def associate(self, k: int) -> DataFrame:
        """The `k` nearest products of each product: product_id, associated_product_id, score, rank."""
        if self.associations_ is None:
            raise NotFitted(self)
        if k > self.n_neighbours:
            raise ValueError(f"only {self.n_neighbours} neighbours were kept: set n_neighbours to {k} or more")
        return self.associations_.where(F.col("rank") <= k)

    def recommend(self, users: DataFrame, k: int) -> DataFrame:
        """The `k` products nearest to each customer's recent ones: user_id, product_id, score, rank."""
        if self.associations_ is None:
            raise NotFitted(self)
        return recommend_from_associations(self.associations_, users, k, self.recent, self.mask_seen)


def _rank_block(
    key: tuple[Any, ...], histories: pa.Table, product_ids: Any, n_users: Any, n_blocks: int, k: int, shrinkage: float
) -> pa.Table:
    """Ranked neighbours of the products with code % n_blocks == block: the columns of gold.associations."""
    block = key[0].as_py()
    codes = histories.column("codes").combine_chunks()
    lengths = pc.list_value_length(codes).to_numpy(zero_copy_only=False)
    starts = np.concatenate(([0], np.cumsum(lengths, dtype=np.int64)))
    members = codes.flatten().to_numpy(zero_copy_only=False)
    mine = np.flatnonzero(members % n_blocks == block)
    by_product = mine[np.argsort(members[mine], kind="stable")]
    own = np.arange(block, len(n_users.value), n_blocks)
    own_starts = np.searchsorted(members[by_product], np.append(own, len(n_users.value)))
    own_users = np.searchsorted(starts, by_product, side="right") - 1
    scores, positions = empty_heaps(len(own), k, np.float64)
    rank_neighbours(own, own_starts, own_users, starts, members, n_users.value, shrinkage, scores, positions)
    order_best_first(scores, positions)
    rows = exploded(product_ids.value.take(pa.array(own)), product_ids.value, scores, positions)
    return pa.Table.from_batches([rows]).rename_columns(["product_id", "associated_product_id", "score", "rank"])


@njit(cache=True, nogil=True)
def rank_neighbours(
    own: Positions,
    own_starts: Positions,
    own_users: Positions,
    starts: Positions,
    members: Ints,
    n_users: Ints,
    shrinkage: float,
    scores: Scores,
    positions: Positions,
) -> None:
    """Fills the heaps of the `own` products with their neighbours: histories are counted up row by row (Gustavson).

    Product own[i] is in the histories own_users[own_starts[i]:own_starts[i + 1]]; history u holds the products
    members[starts[u]:starts[u + 1]].
    """
    together = np.zeros(len(n_users), dtype=np.int32)
    touched = np.empty(len(n_users), dtype=np.int32)
    for row in range(len(own)):
        n_touched = 0
        for user in own_users[own_starts[row] : own_starts[row + 1]]:
            for other in members[starts[user] : starts[user + 1]]:
                if together[other] == 0:
                    touched[n_touched] = other
                    n_touched += 1
                together[other] += 1
        for other in touched[:n_touched]:
            common = together[other]
            together[other] = 0
            if other != own[row]:
                cosine = common / np.sqrt(float(n_users[own[row]]) * n_users[other])
                score = cosine * common / (common + shrinkage)
                if is_worse(scores[row, 0], positions[row, 0], score, other):
                    replace_worst(scores[row], positions[row], score, other)
