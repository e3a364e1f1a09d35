"""Scores of customers by a filter of two parts, sparse lists and a dense matrix of low rank, block by block."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import scipy.sparse as sp
from numba import njit
from scipy.linalg.blas import sgemm
from threadpoolctl import threadpool_limits

from cartograph.core.pairs.kernels import Floats, Longs, flat
from cartograph.core.search.heaps import empty_heaps, order_best_first
from cartograph.core.search.neighbours import found_in, positions_of, rows_and_lists
from cartograph.core.search.topk import exploded, push_tile

Floats32 = npt.NDArray[np.float32]

_TILE_BYTES = 32 << 20  # Scores of a block of customers for all products.


@dataclass(frozen=True)
class Filter:
    """A dense filter of low rank: a customer's scores are r `left` `rightᵀ`, r being binary over `product_ids`.

    `left` and `right` are (products, rank); rank 0 means no filter.
    """

    product_ids: pa.Array
    left: Floats32
    right: Floats32


@dataclass(frozen=True)
class Lists:
    """The sparse part: list l has values[starts[l]:starts[l + 1]] for the products at those `positions`."""

    starts: Longs
    positions: Longs
    values: Floats


def filtered(batches: Iterable[pa.RecordBatch], dense: Any, k: int) -> Iterator[pa.RecordBatch]:
    """Ranked rows of the customers of one task of `neighbours.with_lists`: user_id, product_id, score, rank.

    Args:
        dense: a broadcast `Filter`; products that it does not know are not recommended.
        k: rows per customer, those of the highest score.
    """
    given = rows_and_lists(batches)
    if given is None:
        return
    users, lists = given
    ideal: Filter = dense.value
    starts, known = positions_of(users["ids"], ideal.product_ids)
    list_starts, listed = flat(lists["ids"].chunk(0))
    sparse = Lists(
        list_starts, found_in(listed, ideal.product_ids), flat(lists["values"].chunk(0))[1].to_numpy()
    )  # fmt: skip
    named = positions_of(users["ids"], lists["id"].chunk(0))[1]
    masks = positions_of(users["mask"], ideal.product_ids)
    scores, positions = empty_heaps(users.num_rows, k)
    with threadpool_limits(1, user_api="blas"):
        for first, tile in _tiles(starts, known, ideal):
            some = slice(first, first + len(tile))
            _add_lists(
                tile, starts[first : first + len(tile) + 1], named, sparse.starts, sparse.positions, sparse.values
            )
            push_tile(tile, 0, masks[0][first : first + len(tile) + 1], masks[1], scores[some], positions[some])
    positions[
        np.diff(np.concatenate(([0], np.cumsum(known >= 0)))[starts]) == 0
    ] = -1  # Customers without a known product.
    order_best_first(scores, positions)
    ranked = exploded(users["id"].chunk(0), ideal.product_ids, scores, positions)
    yield from pa.Table.from_batches([ranked]).rename_columns(["user_id", "product_id", "score", "rank"]).to_batches()


def _tiles(starts: Longs, known: Longs, ideal: Filter) -> Iterator[tuple[int, Floats32]]:
    """Scores of the dense part for all products, block of customers by block, and the first customer of each block."""
    n_users, n_items = len(starts) - 1, len(ideal.product_ids)
    n_rows = max(_TILE_BYTES // (4 * max(n_items, 1)), 1)
    inside = known >= 0
    ends = np.concatenate(([0], np.cumsum(inside)))[starts]
    histories = sp.csr_matrix((np.ones(ends[-1], np.float32), known[inside], ends), (n_users, n_items))
    queries = np.ascontiguousarray(histories @ ideal.left)
    for first in range(0, n_users, n_rows):
        some = queries[first : first + n_rows]
        if some.shape[1]:
            yield first, sgemm(1.0, ideal.right.T, some.T, trans_a=True).T
        else:
            yield first, np.zeros((len(some), n_items), np.float32)


@njit(cache=True, nogil=True)
def _add_lists(
    tile: Floats32, starts: Longs, named: Longs, list_starts: Longs, positions: Longs, values: Floats
) -> None:
    """Adds to each row of scores the lists of its customer's products."""
    for row in range(len(tile)):
        scores = tile[row]
        for at in range(starts[row], starts[row + 1]):
            one = named[at]
            if one < 0:
                continue
            for place in range(list_starts[one], list_starts[one + 1]):
                if positions[place] >= 0:
                    scores[positions[place]] += values[place]
