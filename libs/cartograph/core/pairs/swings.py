"""Sums of swing (Yang et al. 2020): pairs of customers who share two products, counted exactly in compiled code."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from numba import njit

from cartograph.core.pairs.counts import Block, PairRows
from cartograph.core.pairs.kernels import Codes, Floats, Longs

UNIT = 2.0**40  # Sums are integers in units of 1 / UNIT, and so do not depend on the order of customers.


def swings(block: Block, alpha: float, user_exponent: float, min_common: int, max_users: int) -> Iterator[PairRows]:
    """Rows of a block: per pair the sum over pairs of customers, as an integer in units of 1 / UNIT."""
    weights = np.maximum(np.diff(block.starts), 1).astype(np.float64) ** -user_exponent
    n = len(block.catalogue.product_ids)
    sums, common = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int32)
    mark = np.full(n, -1, dtype=np.int64)
    for rows, _ in block.chunks():
        found = []
        for row in rows:
            groups = block.own_groups[block.own_starts[row] : block.own_starts[row + 1]]
            groups = groups[np.lexsort((groups, block.keys[groups]))[:max_users]]
            arrays = (groups, block.own[row], block.starts, block.members, weights)
            found.append(swing_row(*arrays, alpha, min_common, sums, common, mark))
        starts = np.concatenate(([0], np.cumsum([len(others) for others, _ in found])))
        others, values = (np.concatenate(parts) for parts in zip(*found, strict=True))
        yield PairRows(block, rows, starts, others, values)


@njit(cache=True, nogil=True)
def swing_row(
    groups: Longs, own: int, starts: Longs, members: Codes, weights: Floats, alpha: float, min_common: int,
    sums: Longs, common: npt.NDArray[np.int32], mark: Longs,
) -> tuple[Codes, Longs]:  # fmt: skip
    """Other products and their sums. `sums`, `common` are zeros and `mark` -1, one per product, before and after.

    Args:
        groups: the customers of the product, as group numbers.
        own: code of the product.
        weights: weight of each group.
        min_common: customers that another product must share with this one.
    """
    touched = np.empty(len(sums), dtype=np.int32)
    n_touched = _shared(groups, own, starts, members, common, touched)
    frequent = 0
    for at in range(n_touched):
        if common[touched[at]] >= min_common:
            touched[frequent] = touched[at]
            frequent += 1
        else:
            common[touched[at]] = 0
    both = np.empty(len(sums), dtype=np.int32)
    for first in range(len(groups)):
        for other in members[starts[groups[first]] : starts[groups[first] + 1]]:
            mark[other] = first
        for second in range(first + 1, len(groups)):
            n_both = 0
            for other in members[starts[groups[second]] : starts[groups[second] + 1]]:
                if mark[other] == first:
                    both[n_both] = other
                    n_both += 1
            weight = weights[groups[first]] * weights[groups[second]] / (alpha + n_both)
            whole = np.int64(np.rint(UNIT * weight))
            for other in both[:n_both]:
                sums[other] += whole
    return _collected(groups, starts, members, sums, common, mark, touched[:frequent])


@njit(cache=True, nogil=True)
def _shared(
    groups: Longs, own: int, starts: Longs, members: Codes, common: npt.NDArray[np.int32], touched: Codes
) -> int:
    """Counts the customers that each other product shares with this one; returns the number of such products."""
    n_touched = 0
    for group in groups:
        for other in members[starts[group] : starts[group + 1]]:
            if other != own:
                if common[other] == 0:
                    touched[n_touched] = other
                    n_touched += 1
                common[other] += 1
    return n_touched


@njit(cache=True, nogil=True)
def _collected(
    groups: Longs, starts: Longs, members: Codes, sums: Longs, common: npt.NDArray[np.int32], mark: Longs,
    frequent: Codes,
) -> tuple[Codes, Longs]:  # fmt: skip
    """Copies of the frequent products and their sums; resets all other arrays."""
    others, values = frequent.copy(), np.empty(len(frequent), dtype=np.int64)
    for at in range(len(frequent)):
        values[at] = sums[frequent[at]]
        common[frequent[at]] = 0
    for group in groups:
        for other in members[starts[group] : starts[group + 1]]:
            sums[other], mark[other] = 0, -1
    return others, values
