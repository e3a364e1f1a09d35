"""How different the products of a list are from each other: the mean of 1 - cosine over its pairs.

Intra-list diversity (Smyth and McClave 2001; Ziegler et al. 2005). With unit vectors, the cosines of all pairs of n
products add up to (|sum of the vectors|^2 - n) / 2, so no pair is computed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import scipy.sparse as sp
from numpy.typing import NDArray
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.core.pairs.kernels import flat
from cartograph.core.search.neighbours import found_in, with_lists
from cartograph.core.workers.groups import no_values

Floats = NDArray[np.float64]

_LISTS_PER_TASK = 100_000


def vector_features(vectors: DataFrame) -> DataFrame:
    """Product vectors in the form that `diversities` expects: product_id, names (none), numbers."""
    return vectors.select(
        "product_id", no_values("string").alias("names"), F.col("vector").cast("array<double>").alias("numbers")
    )


def category_features(products: DataFrame) -> DataFrame:
    """Category paths in the form that `diversities` expects: product_id, names (of all levels), numbers (1s).

    The cosine of two products is the share of levels that their paths have in common.

    Args:
        products: product_id, category (the levels of the path, the highest first).
    """
    levels = F.sequence(F.lit(1), F.size("category"))
    paths = F.transform(levels, lambda level: F.concat_ws("\x1f", F.slice("category", 1, level)))
    ones = F.transform(levels, lambda _: F.lit(1.0))
    return products.where("size(category) > 0").select("product_id", paths.alias("names"), ones.alias("numbers"))


def diversities(lists: DataFrame, features: DataFrame, ks: Sequence[int]) -> DataFrame:
    """One row per list: list_key and a `diversity@k` each, null for fewer than two products.

    A product without features is similar to no other. Lists are partitioned, and each partition gets the features of
    the products in its lists.

    Args:
        lists: list_key, product_ids (best first).
        features: product_id, names and values of the non-zero dimensions; without names, values of all dimensions.
        ks: list lengths.
    """
    no_mask = no_values("string").alias("mask")
    no_numbers = F.array().cast("array<double>").alias("values")
    queries = lists.select(F.col("list_key").alias("id"), F.col("product_ids").alias("ids"), no_numbers, no_mask)
    known = features.select(
        F.col("product_id").alias("id"), F.col("names").alias("ids"), F.col("numbers").alias("values")
    )
    columns = ", ".join(f"`diversity@{k}` double" for k in ks)
    partitioned = with_lists(queries, known, _LISTS_PER_TASK)
    return partitioned.mapInArrow(partial(_diversities, ks=tuple(ks)), f"list_key string, {columns}")


def _diversities(batches: Iterable[pa.RecordBatch], ks: Sequence[int]) -> Iterator[pa.RecordBatch]:
    """The rows of `diversities` of one partition."""
    received = [batch for batch in batches if batch.num_rows]
    if not received:
        return
    table = pa.Table.from_batches(received)
    products, lists = (table.filter(rows).combine_chunks() for rows in (table["is_list"], pc.invert(table["is_list"])))
    if not lists.num_rows:
        return
    units = _units(products) if products.num_rows else sp.csr_matrix((0, 1))
    known = products["id"].chunk(0) if products.num_rows else pa.array([], pa.string())
    starts, product_ids = flat(lists["ids"].chunk(0))
    places = found_in(product_ids, known)
    values = [_diversity(starts, places, units, k) for k in ks]
    names = ["list_key", *(f"diversity@{k}" for k in ks)]
    yield pa.RecordBatch.from_arrays([lists["id"].chunk(0), *values], names=names)


def _units(products: pa.Table) -> sp.csr_matrix:
    """A unit vector per product, or zeros without features."""
    starts, numbers = flat(products["values"].chunk(0))
    names = flat(products["ids"].chunk(0))[1]
    if len(names):
        columns = found_in(names, names.unique())
    else:
        columns = np.arange(starts[-1]) - np.repeat(starts[:-1], np.diff(starts))
    width = int(columns.max()) + 1 if len(columns) else 1
    rows = sp.csr_matrix((numbers.to_numpy(zero_copy_only=False), columns, starts), (products.num_rows, width))
    lengths = np.sqrt(np.asarray(rows.multiply(rows).sum(axis=1)).ravel())
    return sp.diags(np.divide(1.0, lengths, out=np.zeros_like(lengths), where=lengths > 0)) @ rows


def _diversity(starts: NDArray[np.int64], places: NDArray[np.int64], units: sp.csr_matrix, k: int) -> pa.Array:
    """Diversity of each list's first `k` products; `places` are their rows in `units`, -1 for none."""
    lengths = np.minimum(np.diff(starts), k)
    rank = np.arange(len(places)) - np.repeat(starts[:-1], np.diff(starts))
    kept = np.flatnonzero((rank < k) & (places >= 0))
    rows = np.repeat(np.arange(len(lengths)), np.diff(starts))[kept]
    held = sp.csr_matrix((np.ones(len(kept)), (rows, places[kept])), (len(lengths), units.shape[0]))
    sums = held @ units
    squares = np.asarray(sums.multiply(sums).sum(axis=1)).ravel()
    own = held @ np.asarray(units.multiply(units).sum(axis=1)).ravel()
    n_pairs = lengths * (lengths - 1)
    similarity = np.divide(squares - own, n_pairs, out=np.zeros(len(lengths)), where=n_pairs > 0)
    return pa.array(1.0 - similarity, mask=n_pairs == 0)
