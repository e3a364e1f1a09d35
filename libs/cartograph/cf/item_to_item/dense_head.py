"""The head of a catalogue as dense matrices on the driver: the gram matrix, and neighbour lists from weights."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from cartograph.core.pairs.counts import LISTS, Catalogue, pair_sums
from cartograph.core.pairs.kernels import Floats, Longs, keep_best
from cartograph.core.search.heaps import best_lists, empty_heaps


def head_of(catalogue: Catalogue, max_products: int) -> Catalogue:
    """The products in most groups, still in order of product_id; of equal ones the first."""
    order = np.argsort(-catalogue.n_groups, kind="stable")[:max_products]
    kept = np.sort(order)
    product_ids = catalogue.product_ids.take(pa.array(kept))
    return Catalogue(product_ids, catalogue.n_groups[kept], catalogue.total, catalogue.n_pairs)


def gram_matrix(groups: DataFrame, head: Catalogue) -> Floats:
    """X'X of the head: groups with both products, on the diagonal groups with the one.

    Args:
        groups: as `coded_groups` makes them.
        head: the products.
    """
    gram = np.diag(head.n_groups.astype(np.float64))
    rows = pair_sums(groups, head).toArrow()
    for batch in rows.to_batches():
        lengths = pc.list_value_length(batch.column("others")).to_numpy()
        codes = np.repeat(batch.column("code").to_numpy(), lengths)
        gram[codes, batch.column("others").flatten().to_numpy()] = batch.column("sums").flatten().to_numpy()
    return gram


def lists_of_weights(spark: SparkSession, head: Catalogue, weights: Floats, k: int) -> DataFrame:
    """The `k` largest positive weights of each product as lists: product_id, associated_product_ids, scores.

    Args:
        weights: the weight of each product of the head, row by row, in the prediction of each other one.
    """
    n = len(weights)
    scores, positions = empty_heaps(n, k, np.float64)
    starts: Longs = np.arange(n + 1, dtype=np.int64) * n
    others = np.tile(np.arange(n, dtype=np.int32), n)
    keep_best(starts, others, np.where(weights > 0, weights, -np.inf).ravel(), scores, positions)
    others_best, scores_best = best_lists(scores, positions, head.product_ids)
    columns = {"product_id": head.product_ids, "associated_product_ids": others_best, "scores": scores_best}
    table = pa.table(columns)
    return spark.createDataFrame(table, LISTS).where(F.size("scores") > 0).localCheckpoint()
