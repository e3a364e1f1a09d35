"""The k best products for many vectors, exactly: every model scores everything against everything here.

Scores are inner products, computed block by block: a tile of queries times a tile of items is one float32 matrix
product that stays in the CPU cache, and a compiled kernel takes from it what beats each query's k-th best. Nothing else
of a tile is kept, so memory is bounded by the block sizes, however many scores there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from numba import njit
from pyspark import Broadcast
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T
from scipy.linalg.blas import sgemm
from threadpoolctl import threadpool_limits

from cartograph.core.search.filters import ITEM_COLUMNS, QUERY_COLUMNS, Attributes, QueryFilter
from cartograph.core.search.heaps import Positions, Scores, empty_heaps, order_best_first, replace_worst

Floats = npt.NDArray[np.float32]

QUERY_TILE = 256  # Rows of a tile of scores.
ITEM_TILE = 1024  # Columns of a tile: 1 MiB of scores, half a core's cache.
_CHUNK = 64  # Scores that are compared together.


def top_k(
    queries: DataFrame, items: DataFrame, k: int, exclude: DataFrame | None = None, block_rows: int = 500_000
) -> DataFrame:
    """The `k` items of the largest inner product per query: id, product_id, score (double), rank (int, from 1).

    Exact up to float32 rounding; equal scores rank in order of product_id. A query has fewer than `k` rows if
    fewer items are allowed. An empty catalogue gives no rows.

    Args:
        queries: id (any type), vector (array<float>) and, if products are to be left out for this query,
            mask (array of product_id); to filter: categories (array of string), price_low and price_high (double),
            where null sets no bound.
        items: product_id (any type that sorts), vector (array<float>) of the same length; category (string) and price
            (double) if queries filter by them.
        exclude: product_id of products to leave out for all queries (out of stock, for instance).
        block_rows: items a task holds at a time, 4 * block_rows * length bytes; product_ids are held for all.

    Raises:
        ValueError: `k` is not positive; vectors are null or of different lengths (raised by the action); queries
            filter by categories or prices that items do not have.
    """
    if k < 1:
        raise ValueError(f"k must be at least 1, not {k}")
    if exclude is not None:
        items = items.join(exclude.select("product_id"), "product_id", "left_anti")
    given = [name for name in ("product_id", "vector", *ITEM_COLUMNS) if name in items.columns]
    blocks, catalogue = _broadcast(items.select(*given), block_rows)
    n_threads = int(queries.sparkSession.conf.get("spark.task.cpus", "1") or 1)
    columns = [name for name in ("id", "vector", "mask", *QUERY_COLUMNS) if name in queries.columns]
    rank_batches = partial(_rank_batches, blocks=blocks, catalogue=catalogue, k=k, n_threads=n_threads)
    return queries.select(*columns).mapInArrow(rank_batches, ranked_schema(queries, items))


def ranked_schema(queries: DataFrame, items: DataFrame) -> T.StructType:
    """The schema of ranked rows: id, product_id, score, rank."""
    scored = [T.StructField("score", T.DoubleType()), T.StructField("rank", T.IntegerType())]
    return T.StructType([queries.schema["id"], items.schema["product_id"], *scored])


def _broadcast(items: DataFrame, block_rows: int) -> tuple[list[Broadcast[Any]], Broadcast[Any]]:
    """The items as broadcast float32 matrices of about `block_rows` rows; all their ids and attributes, in order."""
    context = items.sparkSession.sparkContext
    n_blocks = -(-items.count() // block_rows)
    rest, blocks = [], []
    for table in _in_order(items, n_blocks):
        table = table.take(pc.sort_indices(table, sort_keys=[("product_id", "ascending")])).combine_chunks()
        blocks.append(context.broadcast(matrix_of(table.column("vector").combine_chunks())))
        rest.append(table.drop_columns(["vector"]))
    if not rest:
        return [], context.broadcast(None)
    ids = pa.concat_tables(rest).column("product_id").combine_chunks()
    return blocks, context.broadcast((ids, Attributes.of(rest)))


def _in_order(items: DataFrame, n_blocks: int) -> Iterator[pa.Table]:
    """Tables of items whose product_ids do not overlap, smallest first; one is on the driver at a time."""
    if n_blocks <= 1:
        yield from [items.toArrow()] * n_blocks
        return
    ranges = items.repartitionByRange(n_blocks, "product_id").withColumn("block", F.spark_partition_id()).persist()
    for block in range(n_blocks):
        table = ranges.where(F.col("block") == block).drop("block").toArrow()
        if table.num_rows:
            yield table
    ranges.unpersist()


def _rank_batches(
    batches: Iterable[pa.RecordBatch],
    blocks: list[Broadcast[Any]],
    catalogue: Broadcast[Any],
    k: int,
    n_threads: int,
) -> Iterator[pa.RecordBatch]:
    """Exploded ranked rows of each batch of queries: id, product_id, score, rank."""
    with threadpool_limits(n_threads, user_api="blas"):
        for batch in batches:
            if blocks and batch.num_rows:
                product_ids, attributes = catalogue.value
                yield _rank_batch(batch, (block.value for block in blocks), product_ids, attributes, k)


def _rank_batch(
    batch: pa.RecordBatch, blocks: Iterable[Floats], product_ids: pa.Array, attributes: Attributes | None, k: int
) -> pa.RecordBatch:
    """Ranked rows of one batch of queries over all item blocks."""
    queries = matrix_of(batch.column("vector"))
    masks, query_filter = masks_of(batch, product_ids), QueryFilter.of(batch, attributes)
    scores, positions = empty_heaps(len(queries), k)
    first = 0
    for block in blocks:
        if block.shape[1] != queries.shape[1]:
            raise ValueError(f"query vectors have length {queries.shape[1]}, item vectors {block.shape[1]}")
        _update(queries, block, first, *masks, query_filter, scores, positions)
        first += len(block)
    order_best_first(scores, positions)
    return exploded(batch.column("id"), product_ids, scores, positions)


def matrix_of(vectors: pa.ListArray) -> Floats:
    """The vectors as rows of one float32 matrix, without a copy where Arrow allows; (0, 0) if there are none."""
    if vectors.null_count:
        raise ValueError(f"{vectors.null_count} vectors are null")
    lengths = pc.unique(pc.list_value_length(vectors)).to_pylist()
    if len(lengths) > 1:
        raise ValueError(f"vectors must have one length, found {sorted(lengths)}")
    values = vectors.flatten().to_numpy(zero_copy_only=False)
    return np.ascontiguousarray(values, dtype=np.float32).reshape(len(vectors), lengths[0] if lengths else 0)


def vectors_of(matrix: npt.NDArray[Any]) -> pa.ListArray:
    """The rows of a matrix as lists: the inverse of `matrix_of`."""
    offsets = np.arange(len(matrix) + 1, dtype=np.int32) * matrix.shape[1]
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(matrix.ravel()))


def masks_of(batch: pa.RecordBatch, product_ids: pa.Array) -> tuple[Positions, Positions]:
    """Item positions hidden from each query, as row starts and positions; -1 where the product is unknown."""
    if "mask" not in batch.schema.names:
        return np.zeros(batch.num_rows + 1, dtype=np.int64), np.empty(0, dtype=np.int64)
    mask = batch.column("mask")
    lengths = pc.fill_null(pc.list_value_length(mask), 0).to_numpy(zero_copy_only=False)
    starts = np.concatenate(([0], np.cumsum(lengths, dtype=np.int64)))
    found = pc.fill_null(pc.index_in(mask.flatten(), value_set=product_ids), -1)
    return starts, found.to_numpy(zero_copy_only=False).astype(np.int64)


def _update(
    queries: Floats,
    items: Floats,
    first: int,
    mask_starts: Positions,
    masked: Positions,
    query_filter: QueryFilter | None,
    scores: Scores,
    positions: Positions,
) -> None:
    """Updates the heaps `scores` and `positions` with one block of items, the first at position `first`."""
    buffer = np.empty(QUERY_TILE * ITEM_TILE, dtype=np.float32)
    for row in range(0, len(queries), QUERY_TILE):
        some = slice(row, row + QUERY_TILE)
        starts = mask_starts[row : row + QUERY_TILE + 1]
        for column in range(0, len(items), ITEM_TILE):
            tile = _products(queries[some], items[column : column + ITEM_TILE], buffer)
            if query_filter is not None:
                query_filter.hide(tile, row, first + column)
            push_tile(tile, first + column, starts, masked, scores[some], positions[some])


def _products(queries: Floats, items: Floats, buffer: Floats) -> Floats:
    """Inner products (queries, items), written into `buffer`.

    With SciPy's BLAS: the one in NumPy 1.26 does not know recent CPUs and falls back to code five times slower.
    """
    shape = (len(items), len(queries))
    out = buffer[: shape[0] * shape[1]].reshape(shape, order="F")
    product: Floats = sgemm(1.0, items.T, queries.T, trans_a=True, c=out, overwrite_c=True)
    return product.T


@njit(cache=True, nogil=True)
def push_tile(
    tile: Floats, first: int, mask_starts: Positions, masked: Positions, scores: Scores, positions: Positions
) -> None:
    """Pushes a tile of scores, whose columns are items from position `first`, into the heap of each of its rows."""
    n_rows, n_columns = tile.shape
    n_whole = n_columns - n_columns % _CHUNK
    for row in range(n_rows):
        values = tile[row]
        for at in range(mask_starts[row], mask_starts[row + 1]):
            column = masked[at] - first
            if 0 <= column < n_columns:
                values[column] = -np.inf
        for start in range(0, n_whole, _CHUNK):
            if _any_above(values[start : start + _CHUNK], scores[row, 0]):
                push_values(values[start : start + _CHUNK], first + start, scores[row], positions[row])
        push_values(values[n_whole:], first + n_whole, scores[row], positions[row])


@njit(cache=True, nogil=True, inline="always")
def _any_above(values: Floats, bar: float) -> bool:
    """Whether a chunk contains anything better; the fixed length and the lack of an early exit let it vectorise."""
    found = np.uint8(0)
    for at in range(_CHUNK):
        found |= np.uint8(values[at] > bar)
    return bool(found)


@njit(cache=True, nogil=True)
def push_values(values: Floats, first: int, scores: Scores, positions: Positions) -> None:
    """Pushes the values that beat the heap's worst into it, the first at position `first`."""
    for at in range(len(values)):
        if values[at] > scores[0]:
            replace_worst(scores, positions, values[at], first + at)


def exploded(ids: pa.Array, product_ids: pa.Array, scores: Scores, positions: Positions) -> pa.RecordBatch:
    """One row per filled slot of ordered heaps: id, product_id (of its position), score, rank."""
    rows, ranks = np.nonzero(positions >= 0)
    columns = [
        ids.take(pa.array(rows)),
        product_ids.take(pa.array(positions[rows, ranks])),
        pa.array(scores[rows, ranks].astype(np.float64)),
        pa.array((ranks + 1).astype(np.int32)),
    ]
    return pa.RecordBatch.from_arrays(columns, names=["id", "product_id", "score", "rank"])
