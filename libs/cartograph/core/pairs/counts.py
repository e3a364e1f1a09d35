"""Pairs of products that occur in the same groups (baskets, histories): counted exactly, in blocks, in compiled code.

Products are numbered in order of product_id and partitioned into blocks by number. A group is sent to every block that
owns one of its products, which is at most as much data as its pairs and usually far less. A task holds one block and
counts all pairs of its products row by row, so every count is complete and no partial counts are summed. Work grows
with the square of a group: callers limit its length. Groups are sent as arrays in binary columns.
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
from cartograph.core.pairs.kernels import (
    Codes,
    Floats,
    Longs,
    count_rows,
    groups_by_block,
    keep_best,
    own_entries,
    places_of,
)
from cartograph.core.pairs.packed import starts_of, unpacked_together
from cartograph.core.search.heaps import best_lists, empty_heaps
from cartograph.core.workers.groups import placed

_PAIRS_PER_TASK = 100_000_000  # About a second of counting, and at most 400 MB of groups.
_PAIRS_AT_ONCE = 500_000  # Pairs in one batch of results: 10 MB with their scores.
PARTS = f"block int, {BINARY}"
LISTS = "product_id string, associated_product_ids array<string>, scores array<double>"
SUMS = "code int, others array<int>, sums array<long>"


@dataclass(frozen=True)
class Catalogue:
    """The products of all groups, in order of product_id: their position is their code.

    `n_groups` is the number of groups with each product, `total` that of all groups, `n_pairs` the number of pairs to
    count.
    """

    product_ids: pa.Array
    n_groups: Longs
    total: int
    n_pairs: int


@dataclass(frozen=True)
class Block:
    """The products of one task, and all groups that contain one of them; see `kernels` for the arrays.

    `keys` of the groups, `sources` and `targets` of their members are empty unless the frame of groups has them.
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
        """Rows to count together, and the largest number of pairs that they can have."""
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
    """Pairs of some products of a block: row r belongs to product own[r], with the pairs starts[r] to starts[r + 1]."""

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
        """Repeats a value per row for each of its pairs."""
        return np.repeat(values, np.diff(self.starts))


RowsOf = Callable[[Block], Iterator[PairRows]]
Score = Callable[[PairRows], Floats]


def counted(block: Block, weigh: Callable[[Longs], Longs] | None = None) -> Iterator[PairRows]:
    """Rows of a block: per pair the number of groups with both, or the sum of the weights of these groups.

    Args:
        weigh: returns positive integer weights of groups, given their lengths.
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
    """Products and their numbers of groups. The result on the driver grows with the catalogue alone.

    Args:
        groups: of `coded_groups`.
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

    Best first, equal scores in order of product_id. Pairs with a score of minus infinity are left out.

    Args:
        groups: of `coded_groups`, each product once in a group, with the columns that `rows_of` needs.
        rows_of: counts the pairs of a block; a function that executors can import, or a partial of one.
        score: one number per pair, given the rows that `rows_of` returns.
    """
    return _by_block(groups, catalogue, partial(_lists, k=k, rows_of=rows_of, score=score), LISTS)


def pair_sums(groups: DataFrame, catalogue: Catalogue, rows_of: RowsOf = counted) -> DataFrame:
    """All pairs of each product: code, others (codes), sums, aligned and in no particular order.

    Products without a pair have empty arrays. Arguments as in `neighbour_lists`.
    """
    return _by_block(groups, catalogue, partial(_sums, rows_of=rows_of), SUMS)


def _by_block(groups: DataFrame, catalogue: Catalogue, emit: Any, schema: str) -> DataFrame:
    """The rows that `emit` returns for each block."""
    context = groups.sparkSession.sparkContext
    n_blocks = max(context.defaultParallelism, catalogue.n_pairs // _PAIRS_PER_TASK + 1)
    sent = context.broadcast(catalogue)
    parts = grouped_by_block(groups, sent, n_blocks)
    blocks = placed(parts.withColumn("place", F.col("block")), "place", n_blocks)
    return blocks.mapInArrow(partial(_emit, catalogue=sent, n_blocks=n_blocks, emit=emit), schema)


def grouped_by_block(groups: DataFrame, catalogue: Broadcast[Any], n_blocks: int) -> DataFrame:
    """The groups that each block needs: those with a product whose code modulo `n_blocks` is the number of the block.

    Columns: block, and those of `coded_groups.binary_columns` with the codes of the catalogue; products that are not in
    the catalogue are left out. One row per block and portion.
    """
    return groups.mapInArrow(partial(_group_by_block, catalogue=catalogue, n_blocks=n_blocks), PARTS)


def _group_by_block(
    batches: Iterable[pa.RecordBatch], catalogue: Broadcast[Any], n_blocks: int
) -> Iterator[pa.RecordBatch]:
    """Rows of `grouped_by_block`."""
    for portion in portions(batches):
        places = pc.index_in(portion.products, value_set=catalogue.value.product_ids, skip_nulls=True)
        codes = places.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int32)[portion.codes]
        known = codes >= 0
        starts = np.concatenate(([0], np.cumsum(known)))[portion.starts]
        by_member = {"codes": codes, "sources": portion.sources, "targets": portion.targets}
        by_member = {name: values[known] for name, values in by_member.items() if len(values)}
        block_starts, groups = groups_by_block(starts, codes[known], n_blocks)
        for block in range(n_blocks):
            some = groups[block_starts[block] : block_starts[block + 1]]
            at = places_of(starts, some)
            part = {name: values[at] for name, values in by_member.items()} | {"lengths": np.diff(starts)[some]}
            part |= {"keys": portion.keys[some]} if len(portion.keys) else {}
            yield pa.record_batch([pa.array([block], pa.int32()), *binary_columns(part)], ["block", *NUMBERS])


def _unpacked(parts: pa.Table, block: int, n_blocks: int, catalogue: Catalogue) -> Block:
    """One block, concatenated from its parts."""
    whole = {name: unpacked_together(parts[name], kind) for name, kind in NUMBERS.items()}
    starts = starts_of(whole.pop("lengths"))
    own = np.arange(block, len(catalogue.product_ids), n_blocks)
    entries = own_entries(starts, whole["codes"], block, n_blocks, len(own))
    return Block(catalogue, own, starts, whole["codes"], whole["keys"], whole["sources"], whole["targets"], *entries)


def _emit(
    batches: Iterable[pa.RecordBatch], catalogue: Broadcast[Any], n_blocks: int, emit: Any
) -> Iterator[pa.RecordBatch]:
    """The rows that `emit` returns for the blocks of this partition, usually one."""
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
