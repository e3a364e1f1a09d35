"""Lists of neighbours, one row per product, and what customers are recommended from them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.core.heaps import empty_heaps, order_best_first
from cartograph.core.pair_kernels import Longs, add_lists, flat
from cartograph.core.topk import exploded
from cartograph.core.workers import placed

_USERS_PER_TASK = 20_000  # their histories name so many products at most: times `recent`, times a list's length


def lists_of(associations: DataFrame) -> DataFrame:
    """One row per product: product_id, associated_product_ids and scores, aligned, in order of the associated id.

    Args:
        associations: product_id, associated_product_id, score.
    """
    pair = F.struct("associated_product_id", F.col("score").cast("double").alias("score"))
    lists = associations.groupBy("product_id").agg(F.sort_array(F.collect_list(pair)).alias("pairs"))
    return lists.select(
        "product_id",
        F.col("pairs.associated_product_id").alias("associated_product_ids"),
        F.col("pairs.score").alias("scores"),
    )


def associations_of(lists: DataFrame, k: int) -> DataFrame:
    """The first `k` of each list, best first as they are: product_id, associated_product_id, score, rank (from 1)."""
    pairs = F.slice(F.arrays_zip("associated_product_ids", "scores"), 1, k)
    placed_pairs = lists.select("product_id", F.posexplode(pairs).alias("place", "pair"))
    return placed_pairs.select(
        "product_id",
        F.col("pair.associated_product_ids").alias("associated_product_id"),
        F.col("pair.scores").alias("score"),
        (F.col("place") + 1).alias("rank"),
    )


def recommend_from_lists(
    lists: DataFrame, users: DataFrame, k: int, recent: int = 20, mask_seen: bool = True, decay: float = 1.0
) -> DataFrame:
    """Recommendations of an item-to-item model: user_id, product_id, score, rank.

    A product's score is the sum of its scores in the lists of the customer's `recent` last distinct products
    (Sarwar et al. 2001, Item-based collaborative filtering), the last one counting 1, the one before `decay`, and so
    on. With `mask_seen` nothing of the history is recommended. Customers are dealt to tasks, and to each task go the
    lists that its customers' products name.

    Args:
        lists: product_id, associated_product_ids, scores; each product once in a list.
        users: user_id, product_ids (oldest first).
    """
    n_blocks = max(users.sparkSession.sparkContext.defaultParallelism, -(-users.count() // _USERS_PER_TASK))
    newest = F.slice(F.array_distinct(F.reverse("product_ids")), 1, recent)
    asked = users.select(
        F.pmod(F.xxhash64("user_id"), F.lit(n_blocks)).cast("int").alias("block"),
        F.col("user_id").alias("id"),
        newest.alias("ids"),
        F.lit(None).cast("array<double>").alias("scores"),
        (F.col("product_ids") if mask_seen else F.lit(None).cast("array<string>")).alias("mask"),
    )
    named = asked.select("block", F.explode("ids").alias("product_id")).distinct()
    needed = lists.join(named, "product_id").select(
        "block",
        F.col("product_id").alias("id"),
        F.col("associated_product_ids").alias("ids"),
        "scores",
        F.lit(None).cast("array<string>").alias("mask"),
    )
    rank = partial(_recommended, k=k, decay=decay)
    schema = "user_id string, product_id string, score double, rank int"
    return placed(asked.unionByName(needed), "block", n_blocks).mapInArrow(rank, schema)


def _recommended(batches: Iterable[pa.RecordBatch], k: int, decay: float) -> Iterator[pa.RecordBatch]:
    """Ranked rows of the customers of one task."""
    received = [batch for batch in batches if batch.num_rows]
    if not received:
        return
    rows = pa.Table.from_batches(received)
    is_list = pc.is_valid(rows["scores"])
    lists, users = rows.filter(is_list).combine_chunks(), rows.filter(pc.invert(is_list)).combine_chunks()
    if not lists.num_rows or not users.num_rows:
        return
    list_starts, associated = flat(lists["ids"].chunk(0))
    product_ids = associated.unique()
    product_ids = product_ids.take(pc.sort_indices(product_ids))
    scores, positions = empty_heaps(users.num_rows, k, np.float64)
    add_lists(
        *_positions(users["ids"], lists["id"].chunk(0)), decay, *_positions(users["mask"], product_ids),
        list_starts, _found(associated, product_ids), lists["scores"].chunk(0).flatten().to_numpy(),
        len(product_ids), scores, positions,
    )  # fmt: skip
    order_best_first(scores, positions)
    ranked = exploded(users["id"].chunk(0), product_ids, scores, positions)
    yield from pa.Table.from_batches([ranked]).rename_columns(["user_id", "product_id", "score", "rank"]).to_batches()


def _positions(lists: pa.ChunkedArray, value_set: pa.Array) -> tuple[Longs, Longs]:
    """Row starts, and the place in `value_set` of what each row lists; -1 where it is not there."""
    starts, values = flat(lists.chunk(0))
    return starts, _found(values, value_set)


def _found(values: pa.Array, value_set: pa.Array) -> Longs:
    positions = pc.index_in(values, value_set=value_set, skip_nulls=True).fill_null(-1)
    found: Longs = positions.to_numpy(zero_copy_only=False).astype(np.int64)
    return found
