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

from cartograph.cf.item_to_item.dense_head import gram_matrix, head_of, lists_of_weights
from cartograph.cf.item_to_item.model import ItemToItem
from cartograph.cf.item_to_item.slim_kernel import elastic_nets
from cartograph.cf.settings import SlimSettings
from cartograph.core.event_types import EVENT_WEIGHTS
from cartograph.core.model import Silver
from cartograph.core.pairs.coded_groups import coded_groups
from cartograph.core.pairs.counts import catalogue_of
from cartograph.core.pairs.kernels import Floats
from cartograph.core.settings import settings_of

_WEIGHTS = "target int, sources array<int>, weights array<double>"
_TARGETS_PER_TASK = 500  # so few that tasks of popular products, which take longest, even out
_TARGETS_AT_ONCE = 64


class Slim(ItemToItem):
    """Weights W >= 0 that reproduce every product's customers from its others, product by product, W_jj = 0:

        Σ_u (x_uj - Σ_i x_ui w_ij)² / 2 + l2 |w_j|² / 2 + l1 |w_j|

    X'X is counted in Spark and is all that is needed. Products are distributed over tasks, and each is solved for by
    coordinate descent over those it shares more than l1 customers with: the others provably have the weight 0. X'X is
    dense: of a catalogue larger than `max_products` only the head, the products with most customers, is modelled; the
    driver then needs about 40 max_products² bytes, 1 GB for 5,000, and every task 4 max_products².
    """

    name = "slim"
    settings: SlimSettings

    def __init__(
        self,
        settings: SlimSettings | None = None,
        *,
        event_weights: Mapping[str, float] = EVENT_WEIGHTS,
        mask_seen: bool = True,
        **changed: Any,
    ) -> None:
        super().__init__(settings_of(SlimSettings, settings, changed), event_weights, mask_seen)

    def fit(self, data: Silver) -> Self:
        """Learns `lists_`: product_id, associated_product_ids, scores; products outside the head have none."""
        spark, groups = data.events.sparkSession, coded_groups(self._groups(data.events))
        head = head_of(catalogue_of(groups), self.settings.max_products)
        weights = slim_weights(spark, gram_matrix(groups, head), self.settings)
        self.lists_ = lists_of_weights(spark, head, weights, self.settings.n_neighbours)
        return self


def slim_weights(spark: SparkSession, gram: Floats, settings: SlimSettings) -> Floats:
    """W of the class's formula: W[i, j] is the weight of product i in the prediction of j."""
    context, n = spark.sparkContext, len(gram)
    shared = context.broadcast(gram.astype(np.float32))
    solve = partial(_solve, gram=shared, settings=settings)
    n_tasks = max(context.defaultParallelism, -(-n // _TARGETS_PER_TASK))
    targets = spark.range(0, n, 1, n_tasks).select(F.col("id").cast("int").alias("target"))
    weights = np.zeros_like(gram)
    for batch in targets.mapInArrow(solve, _WEIGHTS).toArrow().to_batches():
        lengths = pc.list_value_length(batch.column("sources")).to_numpy()
        columns = np.repeat(batch.column("target").to_numpy(), lengths)
        weights[batch.column("sources").flatten().to_numpy(), columns] = batch.column("weights").flatten().to_numpy()
    shared.destroy()
    return weights


def _solve(batches: Iterable[pa.RecordBatch], gram: Broadcast[Any], settings: SlimSettings) -> Iterator[pa.RecordBatch]:
    """One row per product: the others with a weight other than 0, and these weights."""
    penalties = (settings.l1, settings.l2, settings.n_sweeps, settings.tolerance)
    for batch in batches:
        codes = batch.column("target").to_numpy().astype(np.int64)
        for first in range(0, len(codes), _TARGETS_AT_ONCE):
            targets = codes[first : first + _TARGETS_AT_ONCE]
            weights = elastic_nets(targets, gram.value, *penalties)
            rows, sources = np.nonzero(weights)
            ends = pa.array(np.searchsorted(rows, np.arange(len(targets) + 1)), pa.int32())
            values = (pa.array(sources, pa.int32()), pa.array(weights[rows, sources]))
            lists = [pa.ListArray.from_arrays(ends, column) for column in values]
            yield pa.record_batch([pa.array(targets, pa.int32()), *lists], ["target", "sources", "weights"])
