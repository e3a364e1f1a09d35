"""Compiled mining of weighted baskets held in flat arrays.

A *database* is three arrays: `items` (int32, the baskets one after another, each strictly ascending), `offsets`
(int64, where each basket starts, and the end), `weights` (int64, how many baskets it represents).
Items are numbered by falling frequency, so the part of a basket before an item is its more frequent part.

An itemset is found at its least frequent item: that item's *conditional database* is the part of each basket before
it, and itemsets grow by recursion into ever smaller conditional databases (pattern growth: Han, Pei & Yin 2000; the
counting by running once over the occurrences, and the trimming of each projection, as in LCM: Uno et al. 2004).
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]
Database = tuple[Ints, Longs, Longs]


@njit(cache=True)
def _sort(values: Ints) -> None:
    """Sorts in place: by insertion where short, as most baskets are."""
    if values.shape[0] > 48:
        values.sort()
        return
    for i in range(1, values.shape[0]):
        value = values[i]
        j = i - 1
        while j >= 0 and values[j] > value:
            values[j + 1] = values[j]
            j -= 1
        values[j + 1] = value


@njit(cache=True)
def encode(ranks: Ints, offsets: Longs) -> tuple[Ints, Longs]:
    """Items and offsets of the baskets that hold a frequent item: each sorted and distinct; rank -1 is left out."""
    items = np.empty(ranks.shape[0], np.int32)
    ends = np.zeros(offsets.shape[0], np.int64)
    n_items = n_kept = 0
    for basket in range(offsets.shape[0] - 1):
        start = n_items
        for p in range(offsets[basket], offsets[basket + 1]):
            if ranks[p] >= 0:
                items[n_items] = ranks[p]
                n_items += 1
        _sort(items[start:n_items])
        n_distinct = start
        for p in range(start, n_items):
            if n_distinct == start or items[p] != items[n_distinct - 1]:
                items[n_distinct] = items[p]
                n_distinct += 1
        n_items = n_distinct
        if n_items > start:
            n_kept += 1
            ends[n_kept] = n_items
    return items[:n_items], ends[: n_kept + 1]


@njit(cache=True)
def prefixes(items: Ints, offsets: Longs, weights: Longs, low: int, high: int) -> Database:
    """Of each basket with an item in [low, high), the part below `high`; parts of one item are left out."""
    kept = np.empty(items.shape[0], np.int32)
    ends = np.zeros(offsets.shape[0], np.int64)
    kept_weights = np.empty(weights.shape[0], np.int64)
    n_items = n_kept = 0
    for basket in range(offsets.shape[0] - 1):
        start, end = offsets[basket], offsets[basket + 1]
        while end > start and items[end - 1] >= high:
            end -= 1
        if end - start < 2 or items[end - 1] < low:
            continue
        kept[n_items : n_items + end - start] = items[start:end]
        n_items += end - start
        kept_weights[n_kept] = weights[basket]
        n_kept += 1
        ends[n_kept] = n_items
    return kept[:n_items], ends[: n_kept + 1], kept_weights[:n_kept]


@njit(cache=True)
def merge(items: Ints, offsets: Longs, weights: Longs) -> Database:
    """The same database with equal baskets made one, their weights added."""
    n_baskets = offsets.shape[0] - 1
    n_slots = 16
    while n_slots < 2 * n_baskets:
        n_slots *= 2
    slots = np.full(n_slots, -1, np.int64)
    kept = np.empty(items.shape[0], np.int32)
    ends = np.zeros(n_baskets + 1, np.int64)
    sums = np.empty(n_baskets, np.int64)
    n_items = n_kept = 0
    for basket in range(n_baskets):
        start, end = offsets[basket], offsets[basket + 1]
        code = np.uint64(14695981039346656037)
        for p in range(start, end):
            code = (code ^ np.uint64(items[p])) * np.uint64(1099511628211)
        slot = np.int64((code ^ (code >> np.uint64(32))) & np.uint64(n_slots - 1))
        while slots[slot] >= 0 and not _equal(kept, ends[slots[slot]], ends[slots[slot] + 1], items, start, end):
            slot = (slot + 1) & (n_slots - 1)
        if slots[slot] >= 0:
            sums[slots[slot]] += weights[basket]
            continue
        slots[slot] = n_kept
        sums[n_kept] = weights[basket]
        kept[n_items : n_items + end - start] = items[start:end]
        n_items += end - start
        n_kept += 1
        ends[n_kept] = n_items
    return kept[:n_items], ends[: n_kept + 1], sums[:n_kept]


@njit(cache=True)
def _equal(left: Ints, left_start: int, left_end: int, right: Ints, right_start: int, right_end: int) -> bool:
    if left_end - left_start != right_end - right_start:
        return False
    for i in range(left_end - left_start):  # noqa: SIM110 (compiled: a loop is what runs fast)
        if left[left_start + i] != right[right_start + i]:
            return False
    return True


@njit(cache=True)
def sort_each(items: Ints, offsets: Longs) -> Ints:
    """The same items with every slice between two offsets sorted, in place."""
    for i in range(offsets.shape[0] - 1):
        _sort(items[offsets[i] : offsets[i + 1]])
    return items
