"""The compiled kernel of user neighbours: common products with every other customer, counted product by product."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

from cartograph.core.pairs.kernels import Floats, Longs
from cartograph.core.search.heaps import Positions, Scores, is_worse, replace_worst

UNIT = 2.0**30  # Similarities are multiples of 1 / UNIT, so that their sums do not depend on the order of customers.


@njit(cache=True, nogil=True)
def similarity(
    n_common: float, n_own: float, n_other: float, n_products: float, pearson: bool, shrinkage: float, threshold: float
) -> float:
    """Similarity of two customers, from the counts of their products: a multiple of 1 / UNIT, 0 if they share none."""
    if pearson:
        spread = n_own * (n_products - n_own) * n_other * (n_products - n_other)
        plain = (n_products * n_common - n_own * n_other) / np.sqrt(spread) if spread > 0 else 0.0
    else:
        plain = n_common / np.sqrt(n_own * n_other)
    trusted = n_common / (n_common + shrinkage) * min(n_common, threshold) / threshold
    return float(max(np.rint(UNIT * plain * trusted), 0.0) / UNIT)


@njit(cache=True, nogil=True)
def find_nearest(
    starts: Longs, products: Longs, own: Longs, list_starts: Longs, listed: Longs, sizes: Floats, n_products: int,
    pearson: bool, shrinkage: float, threshold: float, scores: Scores, positions: Positions,
) -> None:  # fmt: skip
    """Fills each customer's heap with the most similar others.

    Args:
        starts: of each customer's entries in `products`: indices of lists, -1 where the product has none.
        own: each customer's code among the listed ones, -1 if not there.
        list_starts: of each product's entries in `listed`: codes of its customers.
        sizes: products of each listed customer.
        n_products: in the catalogue.
    """
    common = np.zeros(len(sizes), dtype=np.int32)
    touched: npt.NDArray[np.int64] = np.empty(len(sizes), dtype=np.int64)
    for row in range(len(starts) - 1):
        n_own, n_touched = 0, 0
        for product in products[starts[row] : starts[row + 1]]:
            if product < 0:
                continue
            n_own += 1
            for other in listed[list_starts[product] : list_starts[product + 1]]:
                if common[other] == 0:
                    touched[n_touched] = other
                    n_touched += 1
                common[other] += 1
        for other in touched[:n_touched]:
            if other != own[row]:
                score = similarity(common[other], n_own, sizes[other], n_products, pearson, shrinkage, threshold)
                if score > 0 and is_worse(scores[row, 0], positions[row, 0], score, other):
                    replace_worst(scores[row], positions[row], score, other)
            common[other] = 0
