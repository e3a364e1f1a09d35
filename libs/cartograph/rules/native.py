"""The native engine: exact itemset mining with the work cut by item and counted in compiled code.

1. Baskets are coded once (`core.pairs.coded_groups`). The portions' counts add up; the frequent items are numbered by
   falling frequency (their number is bounded by basket length over support, whatever the number of baskets).
2. The numbers are cut into ranges of about equal work. Each basket goes to each range it has an item in, as its part
   up to that range: the items' conditional databases (Li et al., PFP, 2008), equal parts merged into one with a weight.
3. Each range is mined on its own (`growth`). An itemset belongs to the range of its least frequent item, so none is
   missed or found twice, and no task holds more than its range's part of the baskets.

Baskets travel as arrays of integers in binary columns and come back as Arrow lists: no Python object per item.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.core.pairs.coded_groups import coded_groups, portions
from cartograph.core.pairs.packed import lengths_of, packed, starts_of, unpacked_together
from cartograph.core.views.baskets import minimum_count
from cartograph.rules.growth import grow
from cartograph.rules.kernels import Database, Ints, Longs, encode, merge, prefixes, sort_each
from cartograph.rules.settings import MiningSettings
from cartograph.rules.supports import minimum_counts

_PARTS = "key int, task int, items binary, lengths binary, weights binary"
_ITEMSETS = "itemset array<string>, n_items int, n_baskets long, support double"
_TASK_ITEMS = 50_000_000  # at most about this many item numbers (200 MB) in a mining task …
_BASKET_ITEMS = 5  # … where a basket takes as much memory as this many more: its length, weight and start


@dataclass(frozen=True)
class _Plan:
    """What every task needs: the frequent items by falling count, and how their numbers are cut into tasks."""

    names: pa.Array
    counts: Longs
    bounds: Longs  # task t mines the items numbered bounds[t] to bounds[t + 1]
    keys: Longs  # per task, a value that Spark's hash partitioning sends to partition t
    n_baskets: int
    min_counts: Longs  # how often an itemset must occur, by its least frequent item
    max_length: int


def mine_native(baskets: DataFrame, settings: MiningSettings) -> DataFrame:
    """Frequent itemsets as `mining.mine` describes them. Items are counted at once, the rest is lazy."""
    coded = coded_groups(baskets.select("product_ids"))
    plan = _plan(coded, settings)
    parts = coded.mapInArrow(partial(_cut, plan=plan), _PARTS)
    return parts.repartition(len(plan.keys), "key").mapInArrow(partial(_mine, plan=plan), _ITEMSETS)


def _plan(coded: DataFrame, settings: MiningSettings) -> _Plan:
    """The plan, from how many baskets hold each product.

    A frequent product is frequent in at least one portion of the baskets (Savasere et al. 1995), so only products that
    are frequent in some portion leave the cluster.
    """
    counted = coded.select(F.inline(F.arrays_zip("product_id", "n_groups")), F.element_at("n_groups", -1).alias("of"))
    may_be_frequent = F.col("n_groups") >= F.floor(F.lit(settings.lowest) * F.col("of"))
    totals = counted.groupBy("product_id").agg(
        F.sum("n_groups").alias("n_baskets"), F.max(may_be_frequent).alias("may_be_frequent")
    )
    table = totals.where("may_be_frequent").select("product_id", "n_baskets").toArrow()
    return _planned(table, settings, coded.sparkSession.sparkContext.defaultParallelism)


def _planned(table: pa.Table, settings: MiningSettings, parallelism: int) -> _Plan:
    """The plan from the baskets per product and, without product, of all."""
    is_total = pc.is_null(table["product_id"])
    n_baskets = pc.sum(table.filter(is_total)["n_baskets"]).as_py() or 0
    min_count = minimum_count(settings.lowest, n_baskets)
    items = table.filter(pc.and_(pc.invert(is_total), pc.greater_equal(table["n_baskets"], min_count)))
    items = items.sort_by([("n_baskets", "descending"), ("product_id", "ascending")]).combine_chunks()
    counts = items["n_baskets"].to_numpy()
    bounds = _bounds(counts, n_baskets, parallelism)
    keys = partition_keys(max(1, len(bounds) - 1))
    names = pa.concat_arrays([pa.array([], pa.string()), *items["product_id"].chunks])
    least = minimum_counts(settings, counts, n_baskets)
    return _Plan(names, counts, bounds, keys, n_baskets, least, settings.max_length)


def _bounds(counts: Longs, n_baskets: int, parallelism: int) -> Longs:
    """Cuts of the item numbers into tasks of about equal work.

    An item's work is the expected size of its conditional database: its baskets times what one takes, the more frequent
    items expected in it included.
    """
    if not len(counts):
        return np.zeros(1, np.int64)
    expected_before = (np.cumsum(counts) - counts) / n_baskets
    work = np.cumsum(counts * (_BASKET_ITEMS + 1 + expected_before))
    n_tasks = max(parallelism, int(np.ceil(work[-1] / _TASK_ITEMS)))
    cuts = np.searchsorted(work, work[-1] * np.arange(1, n_tasks) / n_tasks)
    bounds: Longs = np.unique(np.concatenate([[0], cuts, [len(counts)]])).astype(np.int64)
    return bounds


def partition_keys(n_tasks: int) -> Longs:
    """For each task the least integer that Spark's hash partitioning (Murmur3, seed 42) puts in its partition.

    Where an engine hashes otherwise, tasks meet in a partition and are mined one after another.
    """
    candidates = np.arange(64 + n_tasks * 32, dtype=np.uint32)
    mixed = candidates * np.uint32(0xCC9E2D51)
    mixed = ((mixed << np.uint32(15)) | (mixed >> np.uint32(17))) * np.uint32(0x1B873593) ^ np.uint32(42)
    mixed = ((mixed << np.uint32(13)) | (mixed >> np.uint32(19))) * np.uint32(5) + np.uint32(0xE6546B64)
    mixed ^= np.uint32(4)  # the length of an int
    mixed = (mixed ^ (mixed >> np.uint32(16))) * np.uint32(0x85EBCA6B)
    mixed = (mixed ^ (mixed >> np.uint32(13))) * np.uint32(0xC2B2AE35)
    mixed ^= mixed >> np.uint32(16)
    partitions, first = np.unique(mixed.view(np.int32) % n_tasks, return_index=True)
    keys = len(candidates) + np.arange(n_tasks)  # for a partition that no candidate hit
    keys[partitions] = first
    return keys


def _cut(batches: Iterable[pa.RecordBatch], plan: _Plan) -> Iterator[pa.RecordBatch]:
    """The part of the baskets that each task needs: one row per task and portion, also where there is none."""
    for portion in portions(batches):
        ranks = pc.index_in(portion.products, value_set=plan.names, skip_nulls=True).fill_null(-1).to_numpy()
        items, offsets = encode(ranks[portion.codes], portion.starts)
        database = merge(items, offsets, np.ones(len(offsets) - 1, np.int64))
        for task, key in enumerate(plan.keys[: len(plan.bounds) - 1]):
            part = prefixes(*database, plan.bounds[task], plan.bounds[task + 1])
            yield _packed(int(key), task, merge(*part))


def _packed(key: int, task: int, part: Database) -> pa.RecordBatch:
    items, offsets, weights = part
    arrays = [pa.array([key], pa.int32()), pa.array([task], pa.int32())]
    arrays += [packed(numbers) for numbers in (items, lengths_of(offsets), weights)]
    return pa.record_batch(arrays, ["key", "task", "items", "lengths", "weights"])


def _unpacked(parts: pa.Table) -> Database:
    """The parts of one task as one database."""
    items, lengths, weights = (
        unpacked_together(parts[name], kind)
        for name, kind in (("items", np.int32), ("lengths", np.int32), ("weights", np.int64))
    )
    return merge(items, starts_of(lengths), weights)


def _mine(batches: Iterable[pa.RecordBatch], plan: _Plan) -> Iterator[pa.RecordBatch]:
    """The itemsets of the tasks that met in this partition."""
    received = list(batches)
    if not received:
        return
    parts = pa.Table.from_batches(received)
    decode = _Decoder(plan)
    for task in pc.unique(parts["task"]).to_pylist():
        low, high = int(plan.bounds[task]), int(plan.bounds[task + 1])
        yield decode(np.arange(low, high, dtype=np.int32), np.ones(high - low, np.int32), plan.counts[low:high])
        if plan.max_length == 1:
            continue
        database = _unpacked(parts.filter(pc.equal(parts["task"], task)))
        for found in grow(database, high, low, plan.min_counts, plan.max_length):
            yield decode(*found)


class _Decoder:
    """Turns item numbers back into sorted lists of product ids."""

    def __init__(self, plan: _Plan) -> None:
        self._n_baskets = plan.n_baskets
        order = pc.sort_indices(plan.names).to_numpy()
        self._sorted_names = plan.names.take(pa.array(order))
        self._places = np.empty(len(order), np.int32)
        self._places[order] = np.arange(len(order), dtype=np.int32)

    def __call__(self, items: Ints, lengths: Ints, counts: Longs) -> pa.RecordBatch:
        """One row per itemset, as in `mining.mine`."""
        offsets = starts_of(lengths)
        places = sort_each(self._places[items], offsets)
        names = self._sorted_names.take(pa.array(places))
        itemsets = pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), names)
        return pa.record_batch(
            [itemsets, pa.array(lengths), pa.array(counts), pa.array(counts / self._n_baskets)],
            ["itemset", "n_items", "n_baskets", "support"],
        )
