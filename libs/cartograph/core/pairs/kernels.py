"""Compiled kernels that count pairs row by row (Gustavson 1978): sums over all groups with a product.

Group g (a basket, a customer's history) has the products members[starts[g]:starts[g + 1]]. Row r is one of the task's
own products: entries own_starts[r] to own_starts[r + 1] of `own_groups` and `own_places` are the groups with it and its
positions in `members`. Sums are integers, so they do not depend on the order of the groups.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from cartograph.core.search.heaps import Positions, Scores, is_worse, replace_worst

Codes = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Rows = tuple[Longs, Codes, Longs]  # Row starts, the other product of each pair, its sum.


@njit(cache=True, nogil=True)
def groups_by_block(starts: Longs, members: Codes, n_blocks: int) -> tuple[Longs, Longs]:
    """The groups that each block needs, those with one of its products: block starts and groups, block by block."""
    seen = np.full(n_blocks, -1, dtype=np.int64)
    block_starts = np.zeros(n_blocks + 1, dtype=np.int64)
    for group in range(len(starts) - 1):
        for code in members[starts[group] : starts[group + 1]]:
            if seen[code % n_blocks] != group:
                seen[code % n_blocks] = group
                block_starts[code % n_blocks + 1] += 1
    block_starts = np.cumsum(block_starts)
    groups = np.empty(block_starts[-1], dtype=np.int64)
    free = block_starts[:-1].copy()
    seen[:] = -1
    for group in range(len(starts) - 1):
        for code in members[starts[group] : starts[group + 1]]:
            block = code % n_blocks
            if seen[block] != group:
                seen[block] = group
                groups[free[block]] = group
                free[block] += 1
    return block_starts, groups


@njit(cache=True, nogil=True)
def places_of(starts: Longs, groups: Longs) -> Longs:
    """Positions in `members` of all products of the groups, group after group."""
    total = 0
    for group in groups:
        total += starts[group + 1] - starts[group]
    places = np.empty(total, dtype=np.int64)
    at = 0
    for group in groups:
        for place in range(starts[group], starts[group + 1]):
            places[at] = place
            at += 1
    return places


@njit(cache=True, nogil=True)
def own_entries(
    starts: Longs, members: Codes, block: int, n_blocks: int, n_own: int
) -> tuple[Longs, Longs, Longs, Longs]:
    """`own_starts`, `own_groups`, `own_places` of the products with code % n_blocks == block, and pairs per row."""
    own_starts = np.zeros(n_own + 1, dtype=np.int64)
    for code in members:
        if code % n_blocks == block:
            own_starts[code // n_blocks + 1] += 1
    own_starts = np.cumsum(own_starts)
    own_groups = np.empty(own_starts[-1], dtype=np.int64)
    own_places = np.empty(own_starts[-1], dtype=np.int64)
    free, n_pairs = own_starts[:-1].copy(), np.zeros(n_own, dtype=np.int64)
    for group in range(len(starts) - 1):
        for place in range(starts[group], starts[group + 1]):
            if members[place] % n_blocks == block:
                row = members[place] // n_blocks
                own_groups[free[row]] = group
                own_places[free[row]] = place
                free[row] += 1
                n_pairs[row] += starts[group + 1] - starts[group]
    return own_starts, own_groups, own_places, n_pairs


@njit(cache=True, nogil=True)
def count_rows(
    rows: Longs, own: Longs, own_starts: Longs, own_groups: Longs, starts: Longs, members: Codes, weights: Longs,
    sums: Longs, room: int,
) -> Rows:  # fmt: skip
    """Sum of the weights of the groups with both products of a pair.

    Args:
        rows: which rows.
        own: code of each row's product.
        weights: of each group, positive.
        sums: zeros, one per product; zeros again afterwards.
        room: the largest number of pairs that the rows can have.
    """
    row_starts = np.zeros(len(rows) + 1, dtype=np.int64)
    others, values = np.empty(room, dtype=np.int32), np.empty(room, dtype=np.int64)
    end = 0
    for at in range(len(rows)):
        first = end
        for group in own_groups[own_starts[rows[at]] : own_starts[rows[at] + 1]]:
            weight = weights[group]
            for other in members[starts[group] : starts[group + 1]]:
                if sums[other] == 0:
                    others[end] = other
                    end += 1
                sums[other] += weight
        end = emptied(own[rows[at]], others, values, sums, first, end)
        row_starts[at + 1] = end
    return row_starts, others[:end], values[:end]


@njit(cache=True, nogil=True)
def weigh_rows(
    rows: Longs, own: Longs, own_starts: Longs, own_groups: Longs, own_places: Longs, starts: Longs, members: Codes,
    sources: Floats, targets: Floats, distances: Floats, backward: float, unit: float, sums: Longs, room: int,
) -> Rows:  # fmt: skip
    """Sum of the weights of ordered pairs: the row's product first, the other later in the same group.

    A pair at positions p < q weighs sources[p] * targets[q] * distances[q - p - 1], rounded to an integer in units of
    1 / `unit`; the reverse pair (q, p) weighs `backward` times as much. Pairs further apart than the length of
    `distances` are ignored.
    """
    row_starts = np.zeros(len(rows) + 1, dtype=np.int64)
    others, values = np.empty(room, dtype=np.int32), np.empty(room, dtype=np.int64)
    end, reach = 0, len(distances)
    for at in range(len(rows)):
        first = end
        for entry in range(own_starts[rows[at]], own_starts[rows[at] + 1]):
            group, place = own_groups[entry], own_places[entry]
            after = min(starts[group + 1], place + reach + 1)
            before = max(starts[group], place - reach) if backward > 0 else place
            for other_place in range(before, after):
                if other_place > place:
                    weight = sources[place] * targets[other_place] * distances[other_place - place - 1]
                elif other_place < place:
                    weight = backward * sources[other_place] * targets[place] * distances[place - other_place - 1]
                else:
                    continue
                whole, other = np.int64(np.rint(unit * weight)), members[other_place]
                if whole > 0:
                    if sums[other] == 0:
                        others[end] = other
                        end += 1
                    sums[other] += whole
        end = emptied(own[rows[at]], others, values, sums, first, end)
        row_starts[at + 1] = end
    return row_starts, others[:end], values[:end]


@njit(cache=True, nogil=True)
def emptied(own: int, others: Codes, values: Longs, sums: Longs, first: int, end: int) -> int:
    """Moves the sums of a row to `values`, without the pair of a product with itself; returns the end of the row."""
    kept = first
    for at in range(first, end):
        other = others[at]
        if other != own:
            others[kept], values[kept] = other, sums[other]
            kept += 1
        sums[other] = 0
    return kept


@njit(cache=True, nogil=True)
def keep_best(row_starts: Longs, others: Codes, scored: Floats, scores: Scores, positions: Positions) -> None:
    """Fills the heap of each row with its best pairs, without minus infinity and NaN."""
    for row in range(len(row_starts) - 1):
        for at in range(row_starts[row], row_starts[row + 1]):
            if scored[at] > -np.inf and is_worse(scores[row, 0], positions[row, 0], scored[at], others[at]):
                replace_worst(scores[row], positions[row], scored[at], others[at])


@njit(cache=True, nogil=True)
def add_lists(
    history_starts: Longs, histories: Longs, shares: Floats, mask_starts: Longs, masked: Longs,
    list_starts: Longs, listed: Longs, list_scores: Floats, n_products: int, scores: Scores, positions: Positions,
) -> None:  # fmt: skip
    """Fills the heap of each customer with the products of the largest sum over the lists of the history.

    `histories` are indices of lists, -1 for a missing one, and `shares` their weights.
    """
    sums, touched = np.zeros(n_products), np.empty(n_products, dtype=np.int64)
    shown = np.full(n_products, -1, dtype=np.int64)  # The last customer for whom it is masked or done.
    found = np.full(n_products, -1, dtype=np.int64)
    for user in range(len(history_starts) - 1):
        for at in range(mask_starts[user], mask_starts[user + 1]):
            if masked[at] >= 0:
                shown[masked[at]] = user
        n_touched = 0
        for step in range(history_starts[user], history_starts[user + 1]):
            source = histories[step]
            if source >= 0:
                for at in range(list_starts[source], list_starts[source + 1]):
                    product = listed[at]
                    if found[product] != user:
                        found[product] = user
                        touched[n_touched] = product
                        n_touched += 1
                    sums[product] += shares[step] * list_scores[at]
        for product in touched[:n_touched]:
            if shown[product] != user and is_worse(scores[user, 0], positions[user, 0], sums[product], product):
                replace_worst(scores[user], positions[user], sums[product], product)
            sums[product] = 0.0


def flat(lists: Any) -> tuple[Longs, Any]:
    """Row starts and values of an Arrow array of lists; nulls count as empty lists."""
    lengths = lists.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    return np.concatenate(([0], np.cumsum(lengths, dtype=np.int64))), lists.flatten()
