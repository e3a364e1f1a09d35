"""Compiled pattern growth: the itemsets of two and more items in a database (see `kernels` for what that is)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numba import njit
from numpy.typing import NDArray

from cartograph.rules.kernels import Database, Ints, Longs

# What is found goes into three flat arrays: items one itemset after another, and per itemset its length and count.
Found = tuple[Ints, Ints, Longs]


@njit(cache=True)
def _occurrences(items: Ints, offsets: Longs, n_labels: int) -> tuple[Longs, Ints, Longs]:
    """Per item its baskets and its places in `items`, as slices [starts[i], starts[i + 1]) of two arrays."""
    starts = np.zeros(n_labels + 1, np.int64)
    for p in range(items.shape[0]):
        starts[items[p] + 1] += 1
    for i in range(n_labels):
        starts[i + 1] += starts[i]
    free = starts[:-1].copy()
    baskets = np.empty(items.shape[0], np.int32)
    places = np.empty(items.shape[0], np.int64)
    for basket in range(offsets.shape[0] - 1):
        for p in range(offsets[basket], offsets[basket + 1]):
            at = free[items[p]]
            baskets[at] = basket
            places[at] = p
            free[items[p]] = at + 1
    return starts, baskets, places


@njit(cache=True)
def _project(
    items: Ints, offsets: Longs, weights: Longs, baskets: Ints, places: Longs, size: int, relabel: Ints
) -> Database:
    """The part of each basket before the place given, only items with a new label; one item alone is left out."""
    kept = np.empty(size, np.int32)
    ends = np.zeros(baskets.shape[0] + 1, np.int64)
    kept_weights = np.empty(baskets.shape[0], np.int64)
    n_items = n_kept = 0
    for o in range(baskets.shape[0]):
        start = n_items
        for p in range(offsets[baskets[o]], places[o]):
            label = relabel[items[p]]
            if label >= 0:
                kept[n_items] = label
                n_items += 1
        if n_items - start < 2:
            n_items = start
            continue
        kept_weights[n_kept] = weights[baskets[o]]
        n_kept += 1
        ends[n_kept] = n_items
    return kept[:n_items], ends[: n_kept + 1], kept_weights[:n_kept]


@njit(cache=True)
def _emit(suffix: Ints, depth: int, item: int, count: int, found: Found, used: Longs) -> bool:
    """Writes the itemset suffix[:depth] + item; false when there is no room left."""
    flat, lengths, counts = found
    n_flat, n_found = used[0], used[1]
    if n_found == counts.shape[0] or n_flat + depth + 1 > flat.shape[0]:
        return False
    for d in range(depth):
        flat[n_flat + d] = suffix[d]
    flat[n_flat + depth] = item
    lengths[n_found] = depth + 1
    counts[n_found] = count
    used[0] = n_flat + depth + 1
    used[1] = n_found + 1
    return True


@njit(cache=True)
def _grow(
    items: Ints, offsets: Longs, weights: Longs, labels: Ints, low: int, suffix: Ints, depth: int,
    min_count: int, max_length: int, found: Found, used: Longs,
) -> bool:  # fmt: skip
    """Writes every frequent itemset suffix[:depth] + two or more items, the last of them `low` or later.

    At the top (depth 0) `used[2]` moves on after every last item, so that a caller who ran out of room can go on.
    """
    n_labels = labels.shape[0]
    starts, baskets, places = _occurrences(items, offsets, n_labels)
    counts = np.zeros(n_labels, np.int64)
    touched = np.empty(n_labels, np.int32)
    relabel = np.full(n_labels, -1, np.int32)
    for last in range(low, n_labels):
        n_touched = size = 0
        for o in range(starts[last], starts[last + 1]):
            weight = weights[baskets[o]]
            start = offsets[baskets[o]]
            size += places[o] - start
            for p in range(start, places[o]):
                if counts[items[p]] == 0:
                    touched[n_touched] = items[p]
                    n_touched += 1
                counts[items[p]] += weight
        suffix[depth] = labels[last]
        n_frequent = 0
        for t in range(n_touched):
            item, count = touched[t], counts[touched[t]]
            counts[item] = 0
            if count < min_count:
                continue
            if not _emit(suffix, depth + 1, labels[item], count, found, used):
                return False
            relabel[item] = n_frequent
            touched[n_frequent] = item
            n_frequent += 1
        if n_frequent > 1 and depth + 3 <= max_length:
            occurrences = slice(starts[last], starts[last + 1])
            rest = _project(items, offsets, weights, baskets[occurrences], places[occurrences], size, relabel)
            known = labels[touched[:n_frequent]]
            if not _grow(
                rest[0], rest[1], rest[2], known, 0, suffix, depth + 1, min_count, max_length, found, used
            ):
                return False
        for f in range(n_frequent):
            relabel[touched[f]] = -1
        if depth == 0:
            used[2] = last + 1
            used[3:5] = used[0:2]
    return True


def grow(
    database: Database, n_items: int, low: int, min_count: int, max_length: int, room: int = 1 << 18
) -> Iterator[tuple[Ints, Ints, Longs]]:
    """Every itemset of two items and more whose least frequent item is `low` or later, in portions.

    A portion is flat items, lengths, counts; an itemset's items come in no order. `n_items` is one above the highest
    item, `max_length` 0 is no limit, `room` the number of itemsets a portion is first given room for.
    """
    items, offsets, weights = database
    longest = int(np.diff(offsets).max(initial=0))
    suffix = np.empty(longest + 2, np.int32)
    labels = np.arange(n_items, dtype=np.int32)
    complete = False
    while not complete:
        found = (np.empty(4 * room, np.int32), np.empty(room, np.int32), np.empty(room, np.int64))
        used = np.array([0, 0, low, 0, 0], np.int64)
        complete = _grow(
            items, offsets, weights, labels, low, suffix, 0, min_count, max_length or longest, found, used
        )
        low, n_flat, n_found = used[2], used[3], used[4]
        if n_found:
            yield found[0][:n_flat], found[1][:n_found], found[2][:n_found]
        else:  # one item alone has more itemsets than there was room for
            room *= 4
