"""How many groups (baskets, customers' purchases) hold both products of a pair: of the pairs asked for, and no others.

Counting all pairs of a group is work that grows with the square of its length: one customer with 8,000 products has 32
million, of which a few thousand may be asked for. So each task holds some of the products, the pairs asked of them, and
the groups that hold one of them. A short group is read through; in a long one the products asked for are looked up, so
that the work grows with the length of groups and with the number of pairs asked of a product, never with a square.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial, reduce
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numba import njit
from pyspark import Broadcast
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.core.pairs.coded_groups import NUMBERS, binary_columns
from cartograph.core.pairs.counts import PARTS, Catalogue, grouped_by_block
from cartograph.core.pairs.kernels import Codes, Longs, flat, own_entries
from cartograph.core.pairs.packed import starts_of, unpacked_together
from cartograph.core.workers.groups import placed

_LINES_PER_TASK = 1_000_000  # of baskets: about a second for some hundred pairs asked of a product
_ASKED, _BASKETS, _CUSTOMERS = range(3)  # what a row holds that is sent to a block
_LOOK_UP = 8  # a group is looked up in when it is so many times longer than the list of products asked for
COUNTS = "product_id string, n_baskets array<long>, n_users array<long>, lift array<double>"


def pair_counts(
    asked: DataFrame, baskets: DataFrame, customers: DataFrame, catalogue: Catalogue, fewest: int
) -> DataFrame:
    """One row per product asked about that is in a basket: product_id, and per other product n_baskets, n_users, lift.

    The three are arrays, aligned with product_ids of the product's row: baskets that hold both, customers who bought
    both (counted where fewer than `fewest` baskets hold both, else 0), and how many times more often than chance
    baskets hold both (null where none does).

    Args:
        asked: product_id (each once) and product_ids, the other products.
        baskets: of `coded_groups`.
        customers: of `coded_groups`: all that each customer bought.
        catalogue: of the baskets.
        fewest: see above.
    """
    context = asked.sparkSession.sparkContext
    n_blocks = max(context.defaultParallelism, int(catalogue.n_groups.sum()) // _LINES_PER_TASK + 1)
    shipped = context.broadcast(catalogue)
    rows = asked.select("product_id", "product_ids").mapInArrow(
        partial(_deal_asked, catalogue=shipped, n_blocks=n_blocks), PARTS
    )
    groups = {
        _BASKETS: grouped_by_block(baskets, shipped, n_blocks),
        _CUSTOMERS: grouped_by_block(customers, shipped, n_blocks),
    }
    parts = [frame.withColumn("kind", F.lit(kind)) for kind, frame in ({_ASKED: rows} | groups).items()]
    together = reduce(DataFrame.unionByName, parts).withColumn("place", F.col("block"))
    count = partial(_counted, catalogue=shipped, n_blocks=n_blocks, fewest=fewest)
    return placed(together, "place", n_blocks).mapInArrow(count, COUNTS)


def _deal_asked(
    batches: Iterable[pa.RecordBatch], catalogue: Broadcast[Any], n_blocks: int
) -> Iterator[pa.RecordBatch]:
    """The products of each block (as keys) and what is asked of them (as codes, -1 where it is in no basket)."""
    for batch in batches:
        starts, others = flat(batch.column("product_ids"))
        own, codes = (_codes(values, catalogue.value) for values in (batch.column("product_id"), others))
        for block in range(n_blocks):
            rows = np.flatnonzero((own >= 0) & (own % n_blocks == block))
            if len(rows):
                lengths = (starts[rows + 1] - starts[rows]).astype(np.int32)
                some = [codes[starts[row] : starts[row + 1]] for row in rows]
                part = {"codes": np.concatenate(some), "lengths": lengths, "keys": own[rows]}
                yield pa.record_batch([pa.array([block], pa.int32()), *binary_columns(part)], ["block", *NUMBERS])


def _codes(product_ids: Any, catalogue: Catalogue) -> Codes:
    """The place of each product in the catalogue; -1 where it is not there."""
    places = pc.index_in(product_ids, value_set=catalogue.product_ids, skip_nulls=True).fill_null(-1)
    found: Codes = places.to_numpy(zero_copy_only=False).astype(np.int32)
    return found


def _counted(
    batches: Iterable[pa.RecordBatch], catalogue: Broadcast[Any], n_blocks: int, fewest: int
) -> Iterator[pa.RecordBatch]:
    """The rows of the blocks in this partition, as a rule one."""
    received = [batch for batch in batches if batch.num_rows]
    if not received:
        return
    parts = pa.Table.from_batches(received)
    for block in pc.unique(parts["block"]).to_pylist():
        own = parts.filter(pc.equal(parts["block"], block))
        if pc.any(pc.equal(own["kind"], _ASKED)).as_py():
            yield _counts_of_block(own, block, n_blocks, catalogue.value, fewest)


def _counts_of_block(parts: pa.Table, block: int, n_blocks: int, catalogue: Catalogue, fewest: int) -> pa.RecordBatch:
    """One row per product of the block that is asked about."""
    asked = _unpacked(parts, _ASKED)
    starts, others, own = starts_of(asked["lengths"]), asked["codes"], asked["keys"]
    places = np.zeros(len(catalogue.product_ids), dtype=np.int64)
    both: list[Longs] = []
    for kind in (_BASKETS, _CUSTOMERS):
        wanted = others if not both else np.where(both[0] < fewest, others, -1).astype(np.int32)
        groups = _unpacked(parts, kind)
        ends = starts_of(groups["lengths"])
        members = np.array(groups["codes"], dtype=np.int32)
        n_own = len(range(block, len(places), n_blocks))
        own_starts, own_groups, _, _ = own_entries(ends, members, block, n_blocks, n_own)
        both.append(count_asked(own // n_blocks, starts, wanted, own_starts, own_groups, ends, members, places))
    n_baskets, n_users = both
    n_first = np.repeat(catalogue.n_groups[own], np.diff(starts))
    n_second = np.where(others >= 0, catalogue.n_groups[others], 1)
    lift = n_baskets * (catalogue.total / (n_first.astype(np.float64) * n_second))
    values = (pa.array(n_baskets), pa.array(n_users), pa.array(lift, mask=n_baskets == 0))
    lists = [pa.ListArray.from_arrays(pa.array(starts, pa.int32()), each) for each in values]
    return pa.record_batch(
        [catalogue.product_ids.take(pa.array(own)), *lists], ["product_id", "n_baskets", "n_users", "lift"]
    )


def _unpacked(parts: pa.Table, kind: int) -> dict[str, Any]:
    """What the rows of one kind hold, put together."""
    rows = parts.filter(pc.equal(parts["kind"], kind))
    if not rows.num_rows:
        return {name: np.empty(0, kind) for name, kind in NUMBERS.items()}
    return {name: unpacked_together(rows[name], kind) for name, kind in NUMBERS.items()}


@njit(cache=True, nogil=True)
def count_asked(
    rows: Longs, starts: Longs, others: Codes, own_starts: Longs, own_groups: Longs, ends: Longs, members: Codes,
    places: Longs,
) -> Longs:  # fmt: skip
    """Per pair asked for: how many groups hold both.

    Args:
        rows: of each product asked about, its entries in `own_groups`: own_starts[r] to own_starts[r + 1].
        starts: of what is asked of each product, in `others`; negative codes are in no group.
        ends: group g holds members[ends[g]:ends[g + 1]], each product once. Long ones are sorted here, in place.
        places: zeros, one per product; zeros again afterwards.
    """
    is_sorted = np.zeros(len(ends), dtype=np.bool_)
    counts = np.zeros(len(others), dtype=np.int64)
    for at in range(len(rows)):
        asked, found = others[starts[at] : starts[at + 1]], counts[starts[at] : starts[at + 1]]
        mark(asked, places, 1)
        for group in own_groups[own_starts[rows[at]] : own_starts[rows[at] + 1]]:
            held = members[ends[group] : ends[group + 1]]
            if len(held) <= _LOOK_UP * len(asked):
                count_by_reading(held, places, found)
                continue
            if not is_sorted[group]:
                held[:] = np.sort(held)
                is_sorted[group] = True
            count_by_looking_up(held, asked, found)
        mark(asked, places, 0)
    return counts


@njit(cache=True, nogil=True)
def mark(asked: Codes, places: Longs, on: int) -> None:
    """Writes the place of each product asked for, from 1, into `places`; with `on` = 0, zeros."""
    for at in range(len(asked)):
        if asked[at] >= 0:
            places[asked[at]] = on * (at + 1)


@njit(cache=True, nogil=True)
def count_by_reading(held: Codes, places: Longs, counts: Longs) -> None:
    """Counts the products of a group that are marked."""
    for member in held:
        if places[member] > 0:
            counts[places[member] - 1] += 1


@njit(cache=True, nogil=True)
def count_by_looking_up(held: Codes, asked: Codes, counts: Longs) -> None:
    """Counts the products asked for that are in a group, which is sorted."""
    for at in range(len(asked)):
        place = np.searchsorted(held, asked[at])
        if place < len(held) and held[place] == asked[at]:
            counts[at] += 1
