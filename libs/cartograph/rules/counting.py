"""How many baskets and how many customers hold each of many itemsets, in one pass over the baskets.

The itemsets are a prefix tree in flat arrays that every task receives; each basket is walked down the tree. The
itemsets pass through the driver: the itemset budget of the run bounds their number.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numba import njit
from numpy.typing import NDArray
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.rules.kernels import Ints, Longs, encode

_COUNTED = "itemset array<string>, n_baskets long, n_users long"


@dataclass(frozen=True)
class Tree:
    """Node 0 is the root; the children of a node are edges [first[node], first[node + 1]), by ascending item."""

    names: pa.Array  # product ids, sorted; an item is its place here
    first: Longs
    item: Ints  # of each edge
    child: Longs  # of each edge, the node it leads to
    itemset: Longs  # of each node, the place of the itemset that ends there, or -1


def count_itemsets(itemsets: DataFrame, baskets: DataFrame) -> DataFrame:
    """One row per itemset that some basket holds: `itemset`, `n_baskets`, `n_users` (long).

    `n_users` counts known customers once each, whatever the number of their baskets; a null `user_id` is a guest and
    counted for no customer. `itemsets` has `itemset`, sorted; `baskets` has `user_id` and `product_ids`.
    """
    tree, listed = itemset_tree(itemsets)
    # All baskets of a customer are in one partition, one after another; guests are partitioned by order.
    known = F.coalesce("user_id", F.concat(F.lit("\\x00"), F.xxhash64("product_ids").cast("string")))
    owned = baskets.select("user_id", "product_ids").repartition(known).sortWithinPartitions("user_id")
    counted = owned.mapInArrow(partial(_count, tree=tree, itemsets=listed), _COUNTED)
    return counted.groupBy("itemset").agg(F.sum("n_baskets").alias("n_baskets"), F.sum("n_users").alias("n_users"))


def itemset_tree(itemsets: DataFrame) -> tuple[Tree, pa.Array]:
    """The itemsets as a tree, and as an array that the tree's places point into."""
    listed = itemsets.select("itemset").toArrow().column(0).combine_chunks()
    if isinstance(listed, pa.ChunkedArray):
        listed = pa.concat_arrays(listed.chunks or [pa.array([], pa.list_(pa.string()))])
    return _tree(listed), listed


def counted_per_node(lists: pa.Array, tree: Tree, n_baskets: Longs) -> None:
    """Adds the baskets of `lists` (product ids) to the nodes of the tree that they hold."""
    ranks, starts = _ranks(lists, tree)
    items, offsets, kept = _encoded(ranks, starts)
    guests, none = np.full(len(kept), -1, np.int64), np.empty(0, np.int64)
    _walk(items, offsets, guests, tree.first, tree.item, tree.child, n_baskets, none, none)


def _ranks(lists: pa.Array, tree: Tree) -> tuple[Ints, Longs]:
    """The products of all baskets as places in the tree's names, -1 where they are not, and where baskets start."""
    lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False)
    ranks = pc.index_in(lists.flatten(), value_set=tree.names, skip_nulls=True).fill_null(-1).to_numpy()
    return ranks, np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])


def _tree(itemsets: pa.Array) -> Tree:
    values = itemsets.flatten()
    names = pc.unique(values).sort() if len(values) else pa.array([], pa.string())
    items = pc.index_in(values, value_set=names).to_numpy(zero_copy_only=False).astype(np.int32)
    offsets = np.concatenate([[0], np.cumsum(pc.list_value_length(itemsets).to_numpy(zero_copy_only=False))])
    longest = int(np.diff(offsets).max(initial=0))
    padded = np.full((len(itemsets), longest), -1, np.int32)
    padded[np.arange(longest) < np.diff(offsets)[:, None]] = items
    order = np.lexsort(padded.T[::-1]) if longest else np.zeros(0, np.int64)
    parents, edge_items, ends = _nodes(padded[order], order)
    by_parent = np.lexsort((edge_items, parents))
    first = np.searchsorted(parents[by_parent], np.arange(len(ends) + 1))
    return Tree(names, first.astype(np.int64), edge_items[by_parent], by_parent.astype(np.int64) + 1, ends)


@njit(cache=True)
def _nodes(padded: Ints, order: Longs) -> tuple[Longs, Ints, Longs]:
    """Per node but the root its parent and item, and per node the itemset that ends there."""
    n_rows, longest = padded.shape
    parents = np.empty(n_rows * longest, np.int64)
    items = np.empty(n_rows * longest, np.int32)
    ends = np.full(n_rows * longest + 1, -1, np.int64)
    path = np.zeros(longest + 1, np.int64)
    n_nodes = 1
    for row in range(n_rows):
        depth = 0
        while row > 0 and depth < longest and padded[row, depth] >= 0 and padded[row, depth] == padded[row - 1, depth]:
            depth += 1
        while depth < longest and padded[row, depth] >= 0:
            parents[n_nodes - 1] = path[depth]
            items[n_nodes - 1] = padded[row, depth]
            path[depth + 1] = n_nodes
            n_nodes += 1
            depth += 1
        ends[path[depth]] = order[row]
    return parents[: n_nodes - 1], items[: n_nodes - 1], ends[:n_nodes]


@njit(cache=True)
def _walk(
    items: Ints, offsets: Longs, users: Longs, first: Longs, edge_item: Ints, child: Longs,
    n_baskets: Longs, n_users: Longs, last_user: Longs,
) -> None:  # fmt: skip
    """Adds to each node the baskets that hold its path, and the users whose first such basket this is."""
    longest = 1
    for basket in range(offsets.shape[0] - 1):
        longest = max(longest, offsets[basket + 1] - offsets[basket])
    nodes = np.empty(longest + 1, np.int64)
    edges = np.empty(longest + 1, np.int64)
    places = np.empty(longest + 1, np.int64)
    for basket in range(offsets.shape[0] - 1):
        end = offsets[basket + 1]
        depth = 0
        nodes[0], edges[0], places[0] = 0, first[0], offsets[basket]
        while depth >= 0:
            edge, place = edges[depth], places[depth]
            last = first[nodes[depth] + 1]
            while edge < last and place < end and edge_item[edge] != items[place]:
                if edge_item[edge] < items[place]:
                    edge += 1 if last - edge < 16 else max(1, np.searchsorted(edge_item[edge:last], items[place]))
                else:
                    place += 1
            if edge >= last or place >= end:
                depth -= 1
                continue
            edges[depth], places[depth] = edge + 1, place + 1
            node = child[edge]
            n_baskets[node] += 1
            if users[basket] >= 0 and last_user[node] != users[basket]:
                last_user[node] = users[basket]
                n_users[node] += 1
            depth += 1
            nodes[depth], edges[depth], places[depth] = node, first[node], place + 1


def _count(batches: Iterable[pa.RecordBatch], tree: Tree, itemsets: pa.Array) -> Iterator[pa.RecordBatch]:
    """What the baskets of this task add to each itemset."""
    n_nodes = len(tree.itemset)
    n_baskets, n_users = np.zeros(n_nodes, np.int64), np.zeros(n_nodes, np.int64)
    last_user = np.full(n_nodes, -1, np.int64)
    numbering = _Numbering()
    for batch in batches:
        users = numbering(batch.column(0))
        items, offsets, kept = _encoded(*_ranks(batch.column(1), tree))
        _walk(items, offsets, users[kept], tree.first, tree.item, tree.child, n_baskets, n_users, last_user)
    here = np.flatnonzero((tree.itemset >= 0) & (n_baskets > 0))
    yield pa.record_batch(
        [itemsets.take(pa.array(tree.itemset[here])), pa.array(n_baskets[here]), pa.array(n_users[here])],
        ["itemset", "n_baskets", "n_users"],
    )


def _encoded(ranks: Ints, offsets: Longs) -> tuple[Ints, Longs, Longs]:
    """Items and offsets of the baskets with an item of the tree, and which baskets they are."""
    known = np.concatenate([[0], np.cumsum(ranks >= 0)])
    kept = np.flatnonzero(known[offsets[1:]] > known[offsets[:-1]])
    items, ends = encode(ranks, offsets)
    return items, ends, kept


class _Numbering:
    """Numbers customers in order of appearance, batch after batch; guests are -1."""

    def __init__(self) -> None:
        self._last: str | None = None
        self._next = 0

    def __call__(self, user_ids: pa.Array) -> NDArray[np.int64]:
        coded = user_ids.dictionary_encode()
        codes: Longs = coded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
        if len(coded.dictionary) and coded.dictionary[0].as_py() == self._last:
            self._next -= 1  # the last customer of the previous batch continues
        codes[codes >= 0] += self._next
        self._next += len(coded.dictionary)
        if len(coded.dictionary):
            self._last = coded.dictionary[-1].as_py()
        return codes
