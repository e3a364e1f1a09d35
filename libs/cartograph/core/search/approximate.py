"""The k best products for many vectors, approximately: for catalogues too large for scoring every product.

Products are cut into blocks, and tasks build a graph of neighbours of each block (HNSW: Malkov, Yashunin 2018, by inner
product, with Faiss). A query searches each block's graph, and the results are merged exactly: scores are true
inner products, but a product may be missed. The recall is measured on a sample of the queries
against `core.search.topk`, and the search is widened until it is high enough.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyspark import Broadcast
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.core.pairs.kernels import Codes, Floats, keep_best
from cartograph.core.search.heaps import empty_heaps, order_best_first
from cartograph.core.search.topk import exploded, masks_of, matrix_of, ranked_schema, top_k

_LINKS = 16  # Links per product in the graph.
_BUILD_WIDTH = 100  # Candidates considered when a product is inserted into the graph.
_WIDTHS = (64, 128, 256, 512, 1024, 2048)  # Candidates that a search keeps.

Indexes = list[Broadcast[Any]]


def best_products(queries: DataFrame, items: DataFrame, k: int, approximate_above: int | None = None) -> DataFrame:
    """The `k` items of the largest inner product per query: id, product_id, score, rank; exact for small catalogues.

    Args:
        queries, items, k: as in `topk.top_k`.
        approximate_above: catalogues of more items are searched approximately; None: never.
    """
    if approximate_above is None or items.count() <= approximate_above:
        return top_k(queries, items, k)
    return approximate_top_k(queries, items, k)


def approximate_top_k(
    queries: DataFrame, items: DataFrame, k: int, min_recall: float = 0.95, block_rows: int = 200_000,
    n_sample: int = 200,
) -> DataFrame:  # fmt: skip
    """About the `k` items of the largest inner product per query: id, product_id, score (double), rank (int, from 1).

    Equal scores rank in order of product_id. If not even the widest search has enough recall, the result is exact.

    Args:
        queries: id, vector and, if products are to be left out, mask, as in `topk.top_k`; filters by price and
            category are not supported.
        items: product_id (any type that sorts), vector.
        min_recall: share of the exact lists that must be found, over the sample.
        block_rows: items per graph, which is one row. A task that builds one needs about twice
            4 * block_rows * (length + 48) bytes, one that searches the same once for every block.
        n_sample: queries that recall is measured on.

    Raises:
        ValueError: `k` is not positive, or queries have columns that this search does not support.
        ModuleNotFoundError: Faiss is not installed.
    """
    unsupported = sorted(set(queries.columns) - {"id", "vector", "mask"})
    if k < 1 or unsupported:
        raise ValueError(
            f"k must be at least 1, not {k}" if k < 1 else f"approximate search does not support {unsupported}"
        )
    indexes = build(items, block_rows)
    sample = queries.orderBy(F.xxhash64("id"), "id").limit(n_sample).localCheckpoint()
    exact = top_k(sample, items, k).localCheckpoint()
    for width in _WIDTHS:
        if recall(_searched(sample, items, indexes, k, width), exact) >= min_recall:
            return _searched(queries, items, indexes, k, width)
    return top_k(queries, items, k)


def recall(found: DataFrame, exact: DataFrame) -> float:
    """The share of the rows of `exact` (id, product_id) that are in `found`; 1 where there are none."""
    n_exact = exact.count()
    return exact.join(found, ["id", "product_id"], "left_semi").count() / n_exact if n_exact else 1.0


def build(items: DataFrame, block_rows: int) -> Indexes:
    """A graph of each block of about `block_rows` items, built by tasks and broadcast one after the other."""
    context = items.sparkSession.sparkContext
    n_blocks = -(-items.count() // block_rows)
    if not n_blocks:
        return []
    kind = items.schema["product_id"].dataType.simpleString()
    blocks = items.select("product_id", "vector").repartitionByRange(n_blocks, "product_id")
    built = blocks.sortWithinPartitions("product_id").mapInArrow(_build, f"index binary, product_ids array<{kind}>")
    kept = built.withColumn("block", F.spark_partition_id()).persist()
    indexes = []
    for block in range(n_blocks):
        for row in kept.where(F.col("block") == block).toArrow().to_batches():
            indexes.append(context.broadcast((row.column("index")[0].as_py(), row.column("product_ids").flatten())))
    kept.unpersist()
    return indexes


def _build(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """One row: the graph of a task's items."""
    faiss = _faiss()
    own = [batch for batch in batches if batch.num_rows]
    if not own:
        return
    table = pa.Table.from_batches(own).combine_chunks()
    vectors = matrix_of(table.column("vector").chunk(0))
    index = faiss.IndexHNSWFlat(vectors.shape[1], _LINKS, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = _BUILD_WIDTH
    index.add(vectors)
    product_ids = table.column("product_id").chunk(0)
    lists = pa.ListArray.from_arrays(pa.array([0, len(product_ids)], pa.int32()), product_ids)
    packed = pa.array([faiss.serialize_index(index).tobytes()], pa.binary())
    yield pa.record_batch([packed, lists], ["index", "product_ids"])


def _searched(queries: DataFrame, items: DataFrame, indexes: Indexes, k: int, width: int) -> DataFrame:
    """Ranked rows of each query by a search of that width."""
    columns = [name for name in ("id", "vector", "mask") if name in queries.columns]
    search = partial(_search_batches, indexes=indexes, k=k, width=width)
    return queries.select(*columns).mapInArrow(search, ranked_schema(queries, items))


def _search_batches(
    batches: Iterable[pa.RecordBatch], indexes: Indexes, k: int, width: int
) -> Iterator[pa.RecordBatch]:
    """Ranked rows of each batch of queries."""
    if not indexes:
        return
    faiss = _faiss()
    graphs = [faiss.deserialize_index(np.frombuffer(index.value[0], dtype=np.uint8)) for index in indexes]
    product_ids = pa.concat_arrays([index.value[1] for index in indexes])
    for batch in batches:
        if batch.num_rows:
            yield _search(batch, graphs, product_ids, k, width)


def _search(batch: pa.RecordBatch, graphs: Sequence[Any], product_ids: pa.Array, k: int, width: int) -> pa.RecordBatch:
    """Ranked rows of one batch: queries with similarly many masked products are searched together."""
    queries, (mask_starts, masked) = matrix_of(batch.column("vector")), masks_of(batch, product_ids)
    hidden = np.diff(mask_starts)
    depth = k + np.where(hidden > 0, 2 ** np.ceil(np.log2(np.maximum(hidden, 1))), 0).astype(np.int64)
    scores, positions = empty_heaps(len(queries), k, np.float64)
    for n in np.unique(depth):
        rows = np.flatnonzero(depth == n)
        found, values = _walk(queries[rows], graphs, int(n), width)
        for at, row in enumerate(rows):
            values[at, np.isin(found[at], masked[mask_starts[row] : mask_starts[row + 1]])] = -np.inf
        values[found < 0] = -np.inf
        starts = np.arange(len(rows) + 1, dtype=np.int64) * found.shape[1]
        some_scores, some_positions = empty_heaps(len(rows), k, np.float64)
        keep_best(starts, found.ravel(), values.ravel(), some_scores, some_positions)
        scores[rows], positions[rows] = some_scores, some_positions
    order_best_first(scores, positions)
    return exploded(batch.column("id"), product_ids, scores, positions)


def _walk(queries: npt.NDArray[np.float32], graphs: Sequence[Any], n: int, width: int) -> tuple[Codes, Floats]:
    """Positions (-1: none) and scores of the `n` best of each graph, side by side."""
    faiss = _faiss()
    settings = faiss.SearchParametersHNSW(efSearch=max(width, n))
    first, found, values = 0, [], []
    for graph in graphs:
        some_values, some = graph.search(queries, n, params=settings)
        found.append(np.where(some >= 0, some + first, -1))
        values.append(some_values)
        first += graph.ntotal
    return np.hstack(found).astype(np.int32), np.hstack(values).astype(np.float64)


def _faiss() -> Any:
    """The library, with one thread as a task has one core."""
    try:
        import faiss
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("approximate search needs Faiss: install cartograph[approximate]") from error
    faiss.omp_set_num_threads(1)
    return faiss
