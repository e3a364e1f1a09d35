"""EASE: each product as the ridge regression of all others, solved at once (Steck 2019)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from scipy.linalg.lapack import dpotrf, dpotri

from cartograph.cf.interactions import EVENT_WEIGHTS
from cartograph.cf.item_to_item import ItemToItem
from cartograph.core.coded_groups import coded_groups
from cartograph.core.heaps import empty_heaps, order_best_first
from cartograph.core.model import Silver
from cartograph.core.pair_kernels import Floats, Longs, keep_best
from cartograph.core.pairs import LISTS, Catalogue, catalogue_of, pair_sums


class Ease(ItemToItem):
    """Weights B that reproduce every customer's products from their others: B = I - P / diag(P), P = (X'X + λI)^-1.

    X'X is counted in Spark. It and its inverse are dense: of a catalogue larger than `max_products` only the head,
    the products with most customers, is modelled; the driver then needs about 40 max_products² bytes, 1 GB for 5,000.

    Args:
        n_neighbours: neighbours kept per product, those of the largest weight.
        regularisation: λ; the more, the sparser the data.
        max_products: the head of the catalogue that is modelled.
        newest: products of a customer that count, those touched last.
        recent: products of a history that `recommend` starts from, the last ones.
        event_weights: what an event of each type weighs; a pair counts when its weights add up to more than nothing.
        mask_seen: never recommend what is in the customer's history.
    """

    name = "ease"

    def __init__(
        self,
        *,
        n_neighbours: int = 200,
        regularisation: float = 200.0,
        max_products: int = 5000,
        newest: int = 500,
        recent: int = 500,
        event_weights: Mapping[str, float] = EVENT_WEIGHTS,
        mask_seen: bool = True,
    ) -> None:
        super().__init__(
            n_neighbours=n_neighbours, newest=newest, recent=recent, event_weights=event_weights, mask_seen=mask_seen
        )
        self.regularisation = regularisation
        self.max_products = max_products

    def fit(self, data: Silver) -> Self:
        """Learns `lists_`: product_id, associated_product_ids, scores; products outside the head have none."""
        groups = coded_groups(self._groups(data.events))
        head = head_of(catalogue_of(groups), self.max_products)
        gram = gram_matrix(groups, head)
        self.lists_ = _lists(data.events.sparkSession, head, ease_weights(gram, self.regularisation), self.n_neighbours)
        return self


def head_of(catalogue: Catalogue, max_products: int) -> Catalogue:
    """The products in most groups, still in order of product_id; of equal ones the first."""
    order = np.argsort(-catalogue.n_groups, kind="stable")[:max_products]
    kept = np.sort(order)
    product_ids = catalogue.product_ids.take(pa.array(kept))
    return Catalogue(product_ids, catalogue.n_groups[kept], catalogue.total, catalogue.n_pairs)


def gram_matrix(groups: DataFrame, head: Catalogue) -> Floats:
    """X'X of the head: groups that hold both products, on the diagonal those that hold the one.

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


def ease_weights(gram: Floats, regularisation: float) -> Floats:
    """B of the class's formula, zero on its diagonal: B[i, j] is what product i says of j. `gram` is overwritten.

    Raises:
        ValueError: the regularised matrix is not positive definite: `regularisation` must be above 0.
    """
    if regularisation <= 0:
        raise ValueError(f"regularisation must be above 0, not {regularisation:g}")
    gram[np.diag_indices_from(gram)] += regularisation
    factor, failed = dpotrf(gram, lower=1, overwrite_a=1)
    inverse, failed_too = dpotri(factor, lower=1, overwrite_c=1)
    if failed or failed_too:
        raise ValueError(f"X'X + {regularisation:g} I is not positive definite")
    inverse = np.tril(inverse) + np.tril(inverse, -1).T
    weights: Floats = inverse / -np.diag(inverse)
    np.fill_diagonal(weights, 0.0)
    return weights


def _lists(spark: SparkSession, head: Catalogue, weights: Floats, k: int) -> DataFrame:
    """The `k` largest positive weights of each product as neighbour lists."""
    n = len(weights)
    scores, positions = empty_heaps(n, k, np.float64)
    starts: Longs = np.arange(n + 1, dtype=np.int64) * n
    others = np.tile(np.arange(n, dtype=np.int32), n)
    keep_best(starts, others, np.where(weights > 0, weights, -np.inf).ravel(), scores, positions)
    order_best_first(scores, positions)
    filled = positions >= 0
    ends = pa.array(np.concatenate(([0], np.cumsum(filled.sum(axis=1)))), pa.int32())
    table = pa.table(
        {
            "product_id": head.product_ids,
            "associated_product_ids": pa.ListArray.from_arrays(
                ends, head.product_ids.take(pa.array(positions[filled]))
            ),
            "scores": pa.ListArray.from_arrays(ends, pa.array(scores[filled])),
        }
    )
    return spark.createDataFrame(table, LISTS).where(F.size("scores") > 0).localCheckpoint()
