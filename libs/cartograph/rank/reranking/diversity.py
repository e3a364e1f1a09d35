"""Diverse lists: candidates chosen for relevance and for dissimilarity to each other, by MMR or by a DPP."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.core.pairs.kernels import flat
from cartograph.core.search.neighbours import found_in, with_lists
from cartograph.core.workers.groups import no_values
from cartograph.rank.reranking.diversity_kernels import Vectors, pick_rows, picked

Method = Literal["mmr", "dpp"]

_CUSTOMERS_PER_TASK = 20_000


def diversified(
    lists: DataFrame, vectors: DataFrame, k: int, method: Method, diversity: float, depth: int = 100
) -> DataFrame:
    """At most `k` rows per customer: user_id, product_id, rank (from 1), in the order in which they were chosen.

    Customers are partitioned into tasks, and each task receives the vectors of its candidates only.

    Args:
        lists: user_id, product_id, score (0 or more), rank.
        vectors: product_id, vector (array<float>); products without one are similar to no other.
        k: length of a list.
        method: see `diversity_kernels`.
        diversity: weight of dissimilarity against relevance, 0 to 1.
        depth: best candidates of a customer to choose from.
    """
    choose = partial(_chosen, k=k, method=method, diversity=diversity)
    return _with_vectors(lists, vectors, depth).mapInArrow(choose, "user_id string, product_id string, rank int")


def trade_off(
    lists: DataFrame, vectors: DataFrame, k: int, method: Method, grid: Sequence[float], depth: int = 100
) -> DataFrame:
    """Relevance against diversity: one row per weight of `grid`, with diversity, relevance, spread, n_users.

    Relevance is that of the list as a share of the most relevant list's, spread its mean dissimilarity (1 - cosine)
    over pairs of products; both are means over customers. Arguments as for `diversified`.
    """
    measure = partial(_measured, k=k, method=method, grid=tuple(grid))
    sums = _with_vectors(lists, vectors, depth).mapInArrow(
        measure, "diversity double, kept double, spread double, n long"
    )
    n_users = F.sum("n").alias("n_users")
    means = [(F.sum(of) / F.sum("n")).alias(name) for of, name in (("kept", "relevance"), ("spread", "spread"))]
    return sums.groupBy("diversity").agg(*means, n_users).orderBy("diversity")


def _with_vectors(lists: DataFrame, vectors: DataFrame, depth: int) -> DataFrame:
    """Customers with their candidates, co-partitioned with the vectors of these: rows of `neighbours.with_lists`."""
    place = F.struct("rank", "product_id", F.col("score").cast("double").alias("score"))
    best = lists.where(F.col("rank") <= depth).groupBy("user_id").agg(F.sort_array(F.collect_list(place)).alias("best"))
    customers = best.select(
        F.col("user_id").alias("id"),
        F.col("best.product_id").alias("ids"),
        F.col("best.score").alias("values"),
        no_values("string").alias("mask"),
    )
    products = vectors.select(
        F.col("product_id").alias("id"),
        no_values("string").alias("ids"),
        F.col("vector").cast("array<double>").alias("values"),
    )
    return with_lists(customers, products, _CUSTOMERS_PER_TASK)


def _customers(batches: Iterable[pa.RecordBatch]) -> tuple[pa.Array, pa.Array, tuple[Any, ...]] | None:
    """The customers of a task, their candidates concatenated, and the arguments of `pick_rows` for them."""
    received = [batch for batch in batches if batch.num_rows]
    if not received:
        return None
    table = pa.Table.from_batches(received)
    rows = table.filter(pc.invert(table["is_list"])).combine_chunks()
    products = table.filter(table["is_list"]).combine_chunks()
    if not rows.num_rows:
        return None
    starts, product_ids = flat(rows["ids"].chunk(0))
    scores = flat(rows["values"].chunk(0))[1].to_numpy(zero_copy_only=False)
    known = products["id"].chunk(0) if products.num_rows else pa.array([], pa.string())
    return rows["id"].chunk(0), product_ids, (starts, found_in(product_ids, known), scores, _unit_vectors(products))


def _unit_vectors(products: pa.Table) -> Vectors:
    """The vectors scaled to unit length, and a last row of zeros for position -1.

    Raises:
        ValueError: the vectors do not have the same dimension.
    """
    if not products.num_rows:
        return np.zeros((1, 1), dtype=np.float32)
    starts, values = flat(products["values"].chunk(0))
    lengths = np.unique(np.diff(starts))
    if len(lengths) != 1:
        raise ValueError(f"vectors must have the same dimension, found {lengths.tolist()}")
    matrix = values.to_numpy(zero_copy_only=False).reshape(products.num_rows, -1)
    norms = np.linalg.norm(matrix, axis=1, keepdims=True)
    units = np.divide(matrix, norms, out=np.zeros_like(matrix), where=norms > 0)
    return np.vstack([units, np.zeros(units.shape[1])]).astype(np.float32)


def _chosen(batches: Iterable[pa.RecordBatch], k: int, method: Method, diversity: float) -> Iterator[pa.RecordBatch]:
    """Rows of `diversified` of one task."""
    given = _customers(batches)
    if given is None:
        return
    user_ids, product_ids, (starts, positions, scores, units) = given
    places, _, _ = pick_rows(starts, positions, scores, units, k, diversity, method == "dpp")
    yield picked(user_ids, product_ids, places)


def _measured(
    batches: Iterable[pa.RecordBatch], k: int, method: Method, grid: Sequence[float]
) -> Iterator[pa.RecordBatch]:
    """Sums over the customers of one task, a row per value of `grid`."""
    given = _customers(batches)
    if given is None:
        return
    user_ids, _, (starts, positions, scores, units) = given
    found = [pick_rows(starts, positions, scores, units, k, diversity, method == "dpp")[1:] for diversity in grid]
    kept, spread = ([float(each[side].sum()) for each in found] for side in (0, 1))
    names = ["diversity", "kept", "spread", "n"]
    n_users = pa.array([len(user_ids)] * len(grid), pa.int64())
    yield pa.RecordBatch.from_arrays([pa.array(grid), pa.array(kept), pa.array(spread), n_users], names=names)
