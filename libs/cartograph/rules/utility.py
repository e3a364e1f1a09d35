"""High-utility itemsets: itemsets of the highest revenue, by quantity and price.

The work is cut as in `native`: products are numbered, each range of numbers is a task, and a task gets the part of each
basket up to its range. See `utility_growth` for what a task does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.core.pairs.packed import lengths_of, packed, starts_of, unpacked_together
from cartograph.core.settings import settings_of
from cartograph.rules.kernels import Ints, Longs
from cartograph.rules.native import partition_keys
from cartograph.rules.settings import UtilitySettings
from cartograph.rules.utility_growth import below, grow_utility

_CENTS = 100  # utilities are added as whole hundredths, so that sums do not depend on the order of rows
_PARTS = "key int, task int, items binary, utilities binary, lengths binary"
_FOUND = "itemset array<string>, n_items int, n_baskets long, utility double"


@dataclass(frozen=True)
class _Plan:
    names: pa.Array  # promising products; an item is its place here
    bounds: Longs  # task t finds the itemsets whose highest item is bounds[t] to bounds[t + 1]
    keys: Longs  # per task, a value that Spark's hash partitioning sends to partition t
    least: int  # in hundredths
    max_length: int


def revenue_lines(events: DataFrame) -> DataFrame:
    """The purchases with `utility`: quantity times unit price; both count as 1 where they are unknown.

    Args:
        events: rows of silver.events.
    """
    revenue = F.coalesce("quantity", F.lit(1)) * F.coalesce("unit_price", F.lit(1.0))
    return events.where("event_type = 'purchase'").withColumn("utility", revenue)


def high_utility_itemsets(lines: DataFrame, settings: UtilitySettings | None = None, **changed: Any) -> DataFrame:
    """The itemsets that bring in at least the share `min_share` of what all baskets bring in.

    Columns: `itemset array<string>` (sorted), `n_items int`, `n_baskets long`, `utility double`: what its products were
    worth in the baskets that hold them all. Exact to the hundredth.

    Args:
        lines: order_id, product_id, utility (double). Lines of one product in one order are added; what is then worth
            nothing or less is left out.
        settings: the minimum share and the maximum length.
        changed: settings by name.
    """
    settings = settings_of(UtilitySettings, settings, changed)
    worth = F.sum(F.round(F.col("utility") * _CENTS).cast("long")).alias("utility")
    summed = lines.where("order_id is not null").groupBy("order_id", "product_id").agg(worth).where("utility > 0")
    line = F.struct("product_id", "utility")
    baskets = summed.groupBy("order_id").agg(F.sort_array(F.collect_list(line)).alias("lines"))
    baskets = baskets.select(F.col("lines.product_id").alias("product_ids"), F.col("lines.utility").alias("utilities"))
    plan = _plan(baskets.persist(), settings)
    parts = baskets.mapInArrow(partial(_cut, plan=plan), _PARTS)
    return parts.repartition(len(plan.keys), "key").mapInArrow(partial(_mine, plan=plan), _FOUND)


def _plan(baskets: DataFrame, settings: UtilitySettings) -> _Plan:
    """Products whose baskets hold enough worth (transaction-weighted utility), the least such first.

    A product whose baskets hold little can be in few itemsets: it comes last, and finds few products below it.
    """
    worth = F.aggregate("utilities", F.lit(0).cast("long"), lambda total, value: total + value)
    valued = baskets.select("product_ids", worth.alias("worth"))
    total = valued.agg(F.coalesce(F.sum("worth"), F.lit(0))).collect()[0][0]
    least = max(1, int(np.ceil(settings.min_share * total - 1e-6)))
    by_product = valued.select(F.explode("product_ids").alias("product_id"), "worth").groupBy("product_id")
    weighted = by_product.agg(F.sum("worth").alias("weight"), F.count("*").alias("n")).where(F.col("weight") >= least)
    table = weighted.toArrow().sort_by([("weight", "descending"), ("product_id", "ascending")]).combine_chunks()
    counts = table["n"].to_numpy().astype(np.float64)
    work = np.cumsum(counts * (1 + np.arange(len(counts))))
    n_tasks = min(len(counts), 4 * baskets.sparkSession.sparkContext.defaultParallelism)
    cuts = np.searchsorted(work, work[-1] * np.arange(1, n_tasks) / n_tasks) if len(counts) else []
    bounds = np.unique(np.concatenate([[0], cuts, [len(counts)]])).astype(np.int64)
    names = pa.concat_arrays([pa.array([], pa.string()), *table["product_id"].chunks])
    return _Plan(names, bounds, partition_keys(max(1, len(bounds) - 1)), least, settings.max_length)


def _cut(batches: Iterable[pa.RecordBatch], plan: _Plan) -> Iterator[pa.RecordBatch]:
    """The part of the baskets that each task needs: one row per task and batch."""
    for batch in batches:
        items, utilities, offsets = _encoded(batch, plan.names)
        for task in range(len(plan.bounds) - 1):
            kept, worth, ends = below(items, utilities, offsets, plan.bounds[task], plan.bounds[task + 1])
            if not len(kept):
                continue
            arrays = [pa.array([value], pa.int32()) for value in (int(plan.keys[task]), task)]
            arrays += [packed(numbers) for numbers in (kept, worth, lengths_of(ends))]
            yield pa.record_batch(arrays, ["key", "task", "items", "utilities", "lengths"])


def _encoded(batch: pa.RecordBatch, names: pa.Array) -> tuple[Ints, Longs, Longs]:
    """Items (ascending in each basket), utilities and offsets; products that are not promising left out."""
    lists = batch.column(0)
    lengths = pc.list_value_length(lists).to_numpy(zero_copy_only=False)
    baskets = np.repeat(np.arange(len(lists)), lengths)
    items = pc.index_in(lists.flatten(), value_set=names).fill_null(-1).to_numpy(zero_copy_only=False)
    utilities = batch.column(1).flatten().to_numpy(zero_copy_only=False)
    kept = items >= 0
    items, utilities, baskets = items[kept], utilities[kept], baskets[kept]
    order = np.lexsort((items, baskets))
    ends = np.cumsum(np.bincount(baskets, minlength=len(lists)))
    return (
        items[order].astype(np.int32),
        utilities[order].astype(np.int64),
        np.concatenate([[0], ends]).astype(np.int64),
    )


def _mine(batches: Iterable[pa.RecordBatch], plan: _Plan) -> Iterator[pa.RecordBatch]:
    """The itemsets of the tasks that met in this partition."""
    received = list(batches)
    if not received:
        return
    parts = pa.Table.from_batches(received)
    for task in pc.unique(parts["task"]).to_pylist():
        own = parts.filter(pc.equal(parts["task"], task))
        items, utilities, lengths = (
            unpacked_together(own[name], kind)
            for name, kind in (("items", np.int32), ("utilities", np.int64), ("lengths", np.int32))
        )
        offsets = starts_of(lengths)
        low, high = int(plan.bounds[task]), int(plan.bounds[task + 1])
        yield _decoded(plan.names, *grow_utility(items, utilities, offsets, high, low, plan.least, plan.max_length))


def _decoded(names: pa.Array, flat: Longs, lengths: Longs, counts: Longs, sums: Longs) -> pa.RecordBatch:
    order = pc.sort_indices(names).to_numpy()
    places = np.empty(len(order), np.int64)
    places[order] = np.arange(len(order))
    itemsets = np.repeat(np.arange(len(lengths)), lengths)
    in_order = flat[np.lexsort((places[flat], itemsets))]
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    lists = pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), names.take(pa.array(in_order)))
    return pa.record_batch(
        [lists, pa.array(lengths.astype(np.int32)), pa.array(counts), pa.array(sums / _CENTS)],
        ["itemset", "n_items", "n_baskets", "utility"],
    )
