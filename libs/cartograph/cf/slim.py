"""SLIM: each product as a sparse, non-negative linear model of the others (Ning, Karypis 2011)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark import Broadcast
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from cartograph.cf.head import gram_matrix, head_of, lists_of_weights
from cartograph.cf.item_to_item import ItemToItem
from cartograph.cf.slim_kernel import elastic_nets
from cartograph.core.model import Silver
from cartograph.core.pairs.coded_groups import coded_groups
from cartograph.core.pairs.counts import catalogue_of
from cartograph.core.pairs.kernels import Floats
from cartograph.core.views.interactions import EVENT_WEIGHTS

_WEIGHTS = "target int, sources array<int>, weights array<double>"
_TARGETS_PER_TASK = 500  # so few that tasks of popular products, which take longest, even out
_TARGETS_AT_ONCE = 64


class Slim(ItemToItem):
    """Weights W >= 0 that reproduce every product's customers from its others, product by product, W_jj = 0:

        Σ_u (x_uj - Σ_i x_ui w_ij)² / 2 + l2 |w_j|² / 2 + l1 |w_j|

    X'X is counted in Spark and is all that is needed. Products are dealt to tasks, and each is solved for by coordinate
    descent over those it shares more than l1 customers with: the others provably have the weight 0. X'X is dense: of a
    catalogue larger than `max_products` only the head, the products with most customers, is modelled; the driver then
    needs about 40 max_products² bytes, 1 GB for 5,000, and every task 4 max_products².

    Args:
        n_neighbours: neighbours kept per product, those of the largest weight.
        l1: the more, the fewer weights are not 0; also the customers in common that a pair must exceed.
        l2: the more, the more evenly products that are bought together share their weight.
        max_products: the head of the catalogue that is modelled.
        n_sweeps: the most passes over a product's weights.
        tolerance: a product is done when a pass changes no weight by more.
        newest: products of a customer that count, those touched last.
        recent: products of a history that `recommend` starts from, the last ones.
        event_weights: what an event of each type weighs; a pair counts when its weights add up to more than nothing.
        mask_seen: never recommend what the customer has seen (`core.views.seen`).
    """

    name = "slim"

    def __init__(
        self,
        *,
        n_neighbours: int = 200,
        l1: float = 1.0,
        l2: float = 50.0,
        max_products: int = 5000,
        n_sweeps: int = 100,
        tolerance: float = 1e-4,
        newest: int = 500,
        recent: int = 500,
        event_weights: Mapping[str, float] = EVENT_WEIGHTS,
        mask_seen: bool = True,
    ) -> None:
        super().__init__(
            n_neighbours=n_neighbours, newest=newest, recent=recent, event_weights=event_weights, mask_seen=mask_seen
        )
        self.l1 = l1
        self.l2 = l2
        self.max_products = max_products
        self.n_sweeps = n_sweeps
        self.tolerance = tolerance

    def fit(self, data: Silver) -> Self:
        """Learns `lists_`: product_id, associated_product_ids, scores; products outside the head have none.

        Raises:
            ValueError: `l1` or `l2` is negative.
        """
        if min(self.l1, self.l2) < 0:
            raise ValueError(f"slim: l1 and l2 are 0 or more, not {self.l1:g} and {self.l2:g}")
        spark, groups = data.events.sparkSession, coded_groups(self._groups(data.events))
        head = head_of(catalogue_of(groups), self.max_products)
        gram = gram_matrix(groups, head)
        weights = slim_weights(spark, gram, self.l1, self.l2, self.n_sweeps, self.tolerance)
        self.lists_ = lists_of_weights(spark, head, weights, self.n_neighbours)
        return self


def slim_weights(
    spark: SparkSession, gram: Floats, l1: float, l2: float, n_sweeps: int = 100, tolerance: float = 1e-4
) -> Floats:
    """W of the class's formula: W[i, j] is what product i says of j."""
    context, n = spark.sparkContext, len(gram)
    shipped = context.broadcast(gram.astype(np.float32))
    solve = partial(_solve, gram=shipped, l1=l1, l2=l2, n_sweeps=n_sweeps, tolerance=tolerance)
    n_tasks = max(context.defaultParallelism, -(-n // _TARGETS_PER_TASK))
    targets = spark.range(0, n, 1, n_tasks).select(F.col("id").cast("int").alias("target"))
    weights = np.zeros_like(gram)
    for batch in targets.mapInArrow(solve, _WEIGHTS).toArrow().to_batches():
        lengths = pc.list_value_length(batch.column("sources")).to_numpy()
        columns = np.repeat(batch.column("target").to_numpy(), lengths)
        weights[batch.column("sources").flatten().to_numpy(), columns] = batch.column("weights").flatten().to_numpy()
    shipped.destroy()
    return weights


def _solve(
    batches: Iterable[pa.RecordBatch], gram: Broadcast[Any], l1: float, l2: float, n_sweeps: int, tolerance: float
) -> Iterator[pa.RecordBatch]:
    """One row per product: the others with a weight, and what it is."""
    for batch in batches:
        codes = batch.column("target").to_numpy().astype(np.int64)
        for first in range(0, len(codes), _TARGETS_AT_ONCE):
            targets = codes[first : first + _TARGETS_AT_ONCE]
            weights = elastic_nets(targets, gram.value, float(l1), float(l2), n_sweeps, tolerance)
            rows, sources = np.nonzero(weights)
            ends = pa.array(np.searchsorted(rows, np.arange(len(targets) + 1)), pa.int32())
            values = (pa.array(sources, pa.int32()), pa.array(weights[rows, sources]))
            lists = [pa.ListArray.from_arrays(ends, column) for column in values]
            yield pa.record_batch([pa.array(targets, pa.int32()), *lists], ["target", "sources", "weights"])
