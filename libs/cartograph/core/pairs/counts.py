"""Pairs of products that occur in the same groups (baskets, histories): counted exactly, in blocks, in compiled code.

Products are numbered in order of product_id and dealt to blocks by number. A group goes to every block that it has a
product of: at most as much as the pairs it holds, as a rule far less. A task holds one block and counts all pairs of
its products row by row, so a pair is counted in full where it is needed and no partial counts are added up. Work grows
with the square of a group: callers cap its length. Groups travel as arrays in binary columns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark import Broadcast
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.core.pairs.coded_groups import BINARY, NUMBERS, binary_columns, portions
from cartograph.core.pairs.kernels import Codes, Floats, Longs, count_rows, deal, keep_best, own_entries, places_of
from cartograph.core.pairs.packed import starts_of, unpacked_together
from cartograph.core.search.heaps import best_lists, empty_heaps
from cartograph.core.workers.groups import placed

_PAIRS_PER_TASK = 100_000_000  # pairs a task counts: about a second, and at most 400 MB of groups
_PAIRS_AT_ONCE = 500_000  # pairs whose sums are held together: 10 MB with their scores, read while more are counted
PARTS = f"block int, {BINARY}"
LISTS = "product_id string, associated_product_ids array<string>, scores array<double>"
SUMS = "code int, others array<int>, sums array<long>"


@dataclass(frozen=True)
class Catalogue:
    """The products of all groups, in order of product_id: their place is their code.

    `n_groups` is the number of groups that hold each, `total` that of all groups, `n_pairs` the work they make.
    """

    product_ids: pa.Array
    n_groups: Longs
    total: int
    n_pairs: int


@dataclass(frozen=True)
class Block:
    """The products of one task, and all groups that hold one of them; see `pair_kernels` for the arrays.

    Members' `sources` and `targets` are empty, and the groups' `keys` too, unless the frame of groups has them.
    """

    catalogue: Catalogue
    own: Longs
    starts: Longs
    members: Codes
    keys: Longs
    sources: Floats
    targets: Floats
    own_starts: Longs
    own_groups: Longs
    own_places: Longs
    n_pairs: Longs

    def chunks(self) -> Iterator[tuple[Longs, int]]:
        """Rows to be counted together, and the most pairs they can have."""
        most = np.minimum(self.n_pairs, len(self.catalogue.product_ids))
        ends = np.cumsum(most)
        first, rows = 0, np.arange(len(self.own))
        while first < len(self.own):
            done = ends[first - 1] if first else 0
            last = max(first + 1, int(np.searchsorted(ends, done + _PAIRS_AT_ONCE, side="right")))
            yield rows[first:last], int(ends[last - 1] - done)
            first = last


@dataclass(frozen=True)
class PairRows:
    """Pairs of some of a block's products: row r is that of product own[r], its pairs starts[r] to starts[r + 1]."""

    block: Block
    rows: Longs
    starts: Longs
    others: Codes
    sums: Longs

    @property
    def own(self) -> Longs:
        """Code of each row's product."""
        return self.block.own[self.rows]

    def spread(self, values: Any) -> Any:
        """A value per row as one per pair."""
        return np.repeat(values, np.diff(self.starts))


RowsOf = Callable[[Block], Iterator[PairRows]]
Score = Callable[[PairRows], Floats]


def counted(block: Block, weigh: Callable[[Longs], Longs] | None = None) -> Iterator[PairRows]:
    """Rows of a block: per pair the number of groups that hold both, or the sum of the groups' weights.

    Args:
        weigh: positive whole weights of groups, from their lengths.
    """
    lengths = np.diff(block.starts)
    weights = np.ones_like(lengths) if weigh is None else weigh(lengths)
    sums = np.zeros(len(block.catalogue.product_ids), dtype=np.int64)
    for rows, room in block.chunks():
        yield PairRows(
            block, rows,
            *count_rows(rows, block.own, block.own_starts, block.own_groups, block.starts, block.members, weights,
                        sums, room),
        )  # fmt: skip


def catalogue_of(groups: DataFrame) -> Catalogue:
    """Products and their numbers of groups. What reaches the driver grows with the catalogue alone.

    Args:
        groups: as `coded_groups` makes them.
    """
    counted = groups.select(F.inline(F.arrays_zip("product_id", "n_groups")), "n_pairs")
    totals = counted.groupBy("product_id").agg(F.sum("n_groups").alias("n_groups"), F.sum("n_pairs").alias("n_pairs"))
    table = totals.toArrow().sort_by([("product_id", "ascending")]).combine_chunks()
    is_total = pc.is_null(table["product_id"])
    total, products = table.filter(is_total), table.filter(pc.invert(is_total)).combine_chunks()
    return Catalogue(
        pa.concat_arrays([pa.array([], pa.string()), *products["product_id"].chunks]),
        products["n_groups"].to_numpy().astype(np.int64),
        pc.sum(total["n_groups"]).as_py() or 0,
        pc.sum(total["n_pairs"]).as_py() or 0,
    )


def neighbour_lists(groups: DataFrame, catalogue: Catalogue, k: int, rows_of: RowsOf, score: Score) -> DataFrame:
    """The `k` other products of the highest score per product: product_id, associated_product_ids, scores.

    Best first, equal scores in order of product_id. Pairs scored minus infinity are no neighbours.

    Args:
        groups: as `coded_groups` makes them, each product once in a group, with what `rows_of` wants.
        rows_of: counts the pairs of a block; must be importable by executors, or a partial of something that is.
        score: one number per pair, of the rows that `rows_of` gives.
    """
    return _by_block(groups, catalogue, partial(_lists, k=k, rows_of=rows_of, score=score), LISTS)


def pair_sums(groups: DataFrame, catalogue: Catalogue, rows_of: RowsOf = counted) -> DataFrame:
    """All pairs of each product: code, others (codes), sums, aligned and in no particular order.

    Products without a pair have empty arrays. Arguments as in `neighbour_lists`.
    """
    return _by_block(groups, catalogue, partial(_sums, rows_of=rows_of), SUMS)


def _by_block(groups: DataFrame, catalogue: Catalogue, emit: Any, schema: str) -> DataFrame:
    """What `emit` makes of each block."""
    context = groups.sparkSession.sparkContext
    n_blocks = max(context.defaultParallelism, catalogue.n_pairs // _PAIRS_PER_TASK + 1)
    shipped = context.broadcast(catalogue)
    parts = dealt(groups, shipped, n_blocks)
    blocks = placed(parts.withColumn("place", F.col("block")), "place", n_blocks)
    return blocks.mapInArrow(partial(_emit, catalogue=shipped, n_blocks=n_blocks, emit=emit), schema)


def dealt(groups: DataFrame, catalogue: Broadcast[Any], n_blocks: int) -> DataFrame:
    """The groups that each block needs, those with a product whose code modulo `n_blocks` is the block's number.

    Columns: block, and those of `coded_groups.binary_columns`, codes being those of the catalogue; products that it
    does not know are left out. One row per block and portion.
    """
    return groups.mapInArrow(partial(_deal, catalogue=catalogue, n_blocks=n_blocks), PARTS)


def _deal(batches: Iterable[pa.RecordBatch], catalogue: Broadcast[Any], n_blocks: int) -> Iterator[pa.RecordBatch]:
    """Rows of `dealt`."""
    for portion in portions(batches):
        places = pc.index_in(portion.products, value_set=catalogue.value.product_ids, skip_nulls=True)
        codes = places.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int32)[portion.codes]
        known = codes >= 0
        starts = np.concatenate(([0], np.cumsum(known)))[portion.starts]
        by_member = {"codes": codes, "sources": portion.sources, "targets": portion.targets}
        by_member = {name: values[known] for name, values in by_member.items() if len(values)}
        block_starts, groups = deal(starts, codes[known], n_blocks)
        for block in range(n_blocks):
            some = groups[block_starts[block] : block_starts[block + 1]]
            at = places_of(starts, some)
            part = {name: values[at] for name, values in by_member.items()} | {"lengths": np.diff(starts)[some]}
            part |= {"keys": portion.keys[some]} if len(portion.keys) else {}
            yield pa.record_batch([pa.array([block], pa.int32()), *binary_columns(part)], ["block", *NUMBERS])


def _unpacked(parts: pa.Table, block: int, n_blocks: int, catalogue: Catalogue) -> Block:
    """The parts of one block put together."""
    whole = {name: unpacked_together(parts[name], kind) for name, kind in NUMBERS.items()}
    starts = starts_of(whole.pop("lengths"))
    own = np.arange(block, len(catalogue.product_ids), n_blocks)
    entries = own_entries(starts, whole["codes"], block, n_blocks, len(own))
    return Block(catalogue, own, starts, whole["codes"], whole["keys"], whole["sources"], whole["targets"], *entries)


def _emit(
    batches: Iterable[pa.RecordBatch], catalogue: Broadcast[Any], n_blocks: int, emit: Any
) -> Iterator[pa.RecordBatch]:
    """What `emit` makes of the blocks in this partition, as a rule one."""
    received = list(batches)
    if not received:
        return
    parts = pa.Table.from_batches(received)
    for block in pc.unique(parts["block"]).to_pylist():
        own = parts.filter(pc.equal(parts["block"], block))
        yield from emit(_unpacked(own, block, n_blocks, catalogue.value))


def _lists(block: Block, k: int, rows_of: RowsOf, score: Score) -> Iterator[pa.RecordBatch]:
    """One row per product that has neighbours."""
    product_ids = block.catalogue.product_ids
    for pairs in rows_of(block):
        scores, positions = empty_heaps(len(pairs.rows), k, np.float64)
        keep_best(pairs.starts, pairs.others, score(pairs), scores, positions)
        lists = best_lists(scores, positions, product_ids)
        rows = [product_ids.take(pa.array(pairs.own)), *lists]
        found = pa.record_batch(rows, ["product_id", "associated_product_ids", "scores"])
        yield found.filter(pa.array((positions >= 0).any(axis=1)))


def _sums(block: Block, rows_of: RowsOf) -> Iterator[pa.RecordBatch]:
    """One row per product."""
    for pairs in rows_of(block):
        starts = pa.array(pairs.starts, pa.int32())
        yield pa.record_batch(
            [
                pa.array(pairs.own, pa.int32()),
                pa.ListArray.from_arrays(starts, pa.array(pairs.others)),
                pa.ListArray.from_arrays(starts, pa.array(pairs.sums)),
            ],
            ["code", "others", "sums"],
        )
