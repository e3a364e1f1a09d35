"""Lists of neighbours, one row per product, and what customers are recommended from them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.core.pairs.kernels import Longs, add_lists, flat
from cartograph.core.search.heaps import empty_heaps, order_best_first
from cartograph.core.search.topk import exploded
from cartograph.core.views.seen import mask_of
from cartograph.core.workers.groups import no_values, placed

_USERS_PER_TASK = 20_000  # A task holds at most this times `recent` lists.


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


def check_kept(k: int, n_neighbours: int) -> None:
    """Refuses lists longer than those that were kept.

    Raises:
        ValueError: fewer neighbours than `k` were kept.
    """
    if k > n_neighbours:
        raise ValueError(f"only {n_neighbours} neighbours were kept: set n_neighbours to {k} or more")


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
    on. With `mask_seen` what was seen is left out, and what is disliked in any case. Customers are partitioned,
    and each partition gets the lists of its customers' products.

    Args:
        lists: product_id, associated_product_ids, scores; each product once in a list.
        users: user_id, product_ids (oldest first), seen_ids and disliked_ids (`core.views.histories`).
    """
    newest = F.slice(F.array_distinct(F.reverse("product_ids")), 1, recent)
    asked = users.select(
        F.col("user_id").alias("id"),
        newest.alias("ids"),
        F.transform(newest, lambda _, step: F.pow(F.lit(float(decay)), step)).alias("values"),
        mask_of(users, mask_seen).alias("mask"),
    )
    named = lists.select(
        F.col("product_id").alias("id"), F.col("associated_product_ids").alias("ids"), F.col("scores").alias("values")
    )
    return recommend_sums(asked, named, k)


def recommend_sums(asked: DataFrame, lists: DataFrame, k: int, rows_per_task: int = _USERS_PER_TASK) -> DataFrame:
    """The `k` products of the largest weighted sum over a customer's lists: user_id, product_id, score, rank.

    Args:
        asked: id (the customer), ids (of lists, each once) and values (their weights), aligned, and mask (products to
            leave out).
        lists: id, ids (the products of the list, each once) and values (their scores), aligned.
        rows_per_task: customers per task, which holds all their lists.
    """
    schema = "user_id string, product_id string, score double, rank int"
    return with_lists(asked, lists, rows_per_task).mapInArrow(partial(_recommended, k=k), schema)


def with_lists(asked: DataFrame, lists: DataFrame, rows_per_task: int) -> DataFrame:
    """The rows of `asked`, partitioned, with the lists that each partition needs: is_list, id, ids, values, mask.

    Nothing is broadcast, and nothing passes through the driver. Arguments as in `recommend_sums`; `rows_and_lists`
    separates the rows of a task.
    """
    n_blocks = max(asked.sparkSession.sparkContext.defaultParallelism, -(-asked.count() // rows_per_task))
    block = F.pmod(F.xxhash64("id"), F.lit(n_blocks)).cast("int").alias("block")
    rows = asked.select(block, F.lit(False).alias("is_list"), "id", "ids", "values", "mask")
    named = rows.select("block", F.explode("ids").alias("id")).distinct()
    nothing = no_values("string").alias("mask")
    needed = lists.join(named, "id").select("block", F.lit(True).alias("is_list"), "id", "ids", "values", nothing)
    return placed(rows.unionByName(needed), "block", n_blocks)


def rows_and_lists(batches: Iterable[pa.RecordBatch]) -> tuple[pa.Table, pa.Table] | None:
    """Rows and lists of one task of `with_lists`; None where there is nothing to do."""
    full = [batch for batch in batches if batch.num_rows]
    if not full:
        return None
    table = pa.Table.from_batches(full)
    lists, rows = (table.filter(flags).combine_chunks() for flags in (table["is_list"], pc.invert(table["is_list"])))
    return (rows, lists) if rows.num_rows and lists.num_rows else None


def _recommended(batches: Iterable[pa.RecordBatch], k: int) -> Iterator[pa.RecordBatch]:
    """Ranked rows of the customers of one task."""
    given = rows_and_lists(batches)
    if given is None:
        return
    users, lists = given
    list_starts, associated = flat(lists["ids"].chunk(0))
    product_ids = associated.unique()
    product_ids = product_ids.take(pc.sort_indices(product_ids))
    scores, positions = empty_heaps(users.num_rows, k, np.float64)
    add_lists(
        *positions_of(users["ids"], lists["id"].chunk(0)), flat(users["values"].chunk(0))[1].to_numpy(),
        *positions_of(users["mask"], product_ids), list_starts, found_in(associated, product_ids),
        flat(lists["values"].chunk(0))[1].to_numpy(), len(product_ids), scores, positions,
    )  # fmt: skip
    order_best_first(scores, positions)
    ranked = exploded(users["id"].chunk(0), product_ids, scores, positions)
    yield from pa.Table.from_batches([ranked]).rename_columns(["user_id", "product_id", "score", "rank"]).to_batches()


def positions_of(lists: pa.ChunkedArray, value_set: pa.Array) -> tuple[Longs, Longs]:
    """Row starts, and the position in `value_set` of each listed value; -1 if it is not there."""
    starts, values = flat(lists.chunk(0))
    return starts, found_in(values, value_set)


def found_in(values: pa.Array, value_set: pa.Array) -> Longs:
    """The position of each value in `value_set`; -1 if it is not there."""
    positions = pc.index_in(values, value_set=value_set, skip_nulls=True).fill_null(-1)
    found: Longs = positions.to_numpy(zero_copy_only=False).astype(np.int64)
    return found
