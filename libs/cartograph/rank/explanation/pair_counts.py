"""Number of groups (baskets, customers' purchases) that contain both products of a pair, for requested pairs only.

Counting all pairs of a group takes time quadratic in its length: one customer with 8,000 products has 32 million pairs,
of which a few thousand may be requested. So each task holds some of the products, the pairs requested of them, and the
groups that contain one of them. Short groups are scanned; in long ones the requested products are searched for. So the
work is linear in the length of groups and in the number of pairs requested of a product.
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

_LINES_PER_TASK = 1_000_000  # of baskets: about a second for some hundred requested pairs per product
_REQUESTS, _BASKETS, _CUSTOMERS = range(3)  # kind of a row sent to a block
_SEARCH = 8  # groups that many times longer than the list of requested products are searched, not scanned
COUNTS = "product_id string, n_baskets array<long>, n_users array<long>, lift array<double>"


def pair_counts(
    requests: DataFrame, baskets: DataFrame, customers: DataFrame, catalogue: Catalogue, min_count: int
) -> DataFrame:
    """One row per requested product that is in a basket: product_id, and per other product n_baskets, n_users, lift.

    The three are arrays, aligned with product_ids of the product's row: baskets with both, customers who bought both
    (counted if fewer than `min_count` baskets have both, else 0), and lift, how many times more often than
    expected baskets have both (null if none has).

    Args:
        requests: product_id (each once) and product_ids, the other products.
        baskets: of `coded_groups`.
        customers: of `coded_groups`: all purchases of each customer.
        catalogue: of the baskets.
        min_count: see above.
    """
    context = requests.sparkSession.sparkContext
    n_blocks = max(context.defaultParallelism, int(catalogue.n_groups.sum()) // _LINES_PER_TASK + 1)
    shared = context.broadcast(catalogue)
    rows = requests.select("product_id", "product_ids").mapInArrow(
        partial(_requests_by_block, catalogue=shared, n_blocks=n_blocks), PARTS
    )
    groups = {
        _BASKETS: grouped_by_block(baskets, shared, n_blocks),
        _CUSTOMERS: grouped_by_block(customers, shared, n_blocks),
    }
    parts = [frame.withColumn("kind", F.lit(kind)) for kind, frame in ({_REQUESTS: rows} | groups).items()]
    together = reduce(DataFrame.unionByName, parts).withColumn("place", F.col("block"))
    count = partial(_counted, catalogue=shared, n_blocks=n_blocks, min_count=min_count)
    return placed(together, "place", n_blocks).mapInArrow(count, COUNTS)


def _requests_by_block(
    batches: Iterable[pa.RecordBatch], catalogue: Broadcast[Any], n_blocks: int
) -> Iterator[pa.RecordBatch]:
    """The products of each block (as keys) and the pairs requested of them (as codes, -1 if in no basket)."""
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
    """The position of each product in the catalogue; -1 if it is not there."""
    places = pc.index_in(product_ids, value_set=catalogue.product_ids, skip_nulls=True).fill_null(-1)
    found: Codes = places.to_numpy(zero_copy_only=False).astype(np.int32)
    return found


def _counted(
    batches: Iterable[pa.RecordBatch], catalogue: Broadcast[Any], n_blocks: int, min_count: int
) -> Iterator[pa.RecordBatch]:
    """The rows of the blocks in this partition, usually one."""
    received = [batch for batch in batches if batch.num_rows]
    if not received:
        return
    parts = pa.Table.from_batches(received)
    for block in pc.unique(parts["block"]).to_pylist():
        own = parts.filter(pc.equal(parts["block"], block))
        if pc.any(pc.equal(own["kind"], _REQUESTS)).as_py():
            yield _counts_of_block(own, block, n_blocks, catalogue.value, min_count)


def _counts_of_block(
    parts: pa.Table, block: int, n_blocks: int, catalogue: Catalogue, min_count: int
) -> pa.RecordBatch:
    """One row per requested product of the block."""
    requests = _unpacked(parts, _REQUESTS)
    starts, others, own = starts_of(requests["lengths"]), requests["codes"], requests["keys"]
    positions = np.zeros(len(catalogue.product_ids), dtype=np.int64)
    both: list[Longs] = []
    for kind in (_BASKETS, _CUSTOMERS):
        requested = others if not both else np.where(both[0] < min_count, others, -1).astype(np.int32)
        groups = _unpacked(parts, kind)
        ends = starts_of(groups["lengths"])
        members = np.array(groups["codes"], dtype=np.int32)
        n_own = len(range(block, len(positions), n_blocks))
        own_starts, own_groups, _, _ = own_entries(ends, members, block, n_blocks, n_own)
        both.append(
            count_requested(own // n_blocks, starts, requested, own_starts, own_groups, ends, members, positions)
        )
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
    """The contents of the rows of one kind, concatenated."""
    rows = parts.filter(pc.equal(parts["kind"], kind))
    if not rows.num_rows:
        return {name: np.empty(0, kind) for name, kind in NUMBERS.items()}
    return {name: unpacked_together(rows[name], kind) for name, kind in NUMBERS.items()}


@njit(cache=True, nogil=True)
def count_requested(
    rows: Longs, starts: Longs, others: Codes, own_starts: Longs, own_groups: Longs, ends: Longs, members: Codes,
    positions: Longs,
) -> Longs:  # fmt: skip
    """Per requested pair, the number of groups that contain both.

    Args:
        rows: of each requested product, its row in `own_groups`: own_starts[r] to own_starts[r + 1].
        starts: of each product's requested pairs in `others`; negative codes are in no group.
        ends: group g is members[ends[g]:ends[g + 1]], each product once. Long groups are sorted in place.
        positions: zeros, one per product; zeros again afterwards.
    """
    is_sorted = np.zeros(len(ends), dtype=np.bool_)
    counts = np.zeros(len(others), dtype=np.int64)
    for at in range(len(rows)):
        requested, found = others[starts[at] : starts[at + 1]], counts[starts[at] : starts[at + 1]]
        mark(requested, positions, 1)
        for group in own_groups[own_starts[rows[at]] : own_starts[rows[at] + 1]]:
            products = members[ends[group] : ends[group + 1]]
            if len(products) <= _SEARCH * len(requested):
                count_by_scanning(products, positions, found)
                continue
            if not is_sorted[group]:
                products[:] = np.sort(products)
                is_sorted[group] = True
            count_by_searching(products, requested, found)
        mark(requested, positions, 0)
    return counts


@njit(cache=True, nogil=True)
def mark(requested: Codes, positions: Longs, on: int) -> None:
    """Writes the position of each requested product, from 1, into `positions`; zeros if `on` is 0."""
    for at in range(len(requested)):
        if requested[at] >= 0:
            positions[requested[at]] = on * (at + 1)


@njit(cache=True, nogil=True)
def count_by_scanning(products: Codes, positions: Longs, counts: Longs) -> None:
    """Counts the products of a group that are marked."""
    for product in products:
        if positions[product] > 0:
            counts[positions[product] - 1] += 1


@njit(cache=True, nogil=True)
def count_by_searching(products: Codes, requested: Codes, counts: Longs) -> None:
    """Counts the requested products that are in a group, which is sorted."""
    for at in range(len(requested)):
        position = np.searchsorted(products, requested[at])
        if position < len(products) and products[position] == requested[at]:
            counts[at] += 1
