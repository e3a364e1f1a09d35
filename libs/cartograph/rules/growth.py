"""Compiled pattern growth: the itemsets of two and more items in a database (see `kernels` for what that is)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numba import njit

from cartograph.rules.kernels import Database, Ints, Longs

# What is found goes into three flat arrays: items one itemset after another, and per itemset its length and count.
Found = tuple[Ints, Ints, Longs]


@njit(cache=True)
def occurrences(items: Ints, offsets: Longs, n_labels: int) -> tuple[Longs, Ints, Longs]:
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
def _project(database: Database, baskets: Ints, places: Longs, size: int, relabel: Ints) -> Database:
    """The part of each basket before the place given, only items with a new label; one item alone is left out."""
    items, offsets, weights = database
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
def _count_before(database: Database, baskets: Ints, places: Longs, counts: Longs, touched: Ints) -> tuple[int, int]:
    """Adds to `counts` the items before each place; how many different ones (listed in `touched`), and how many."""
    items, offsets, weights = database
    n_touched = size = 0
    for o in range(baskets.shape[0]):
        weight = weights[baskets[o]]
        start = offsets[baskets[o]]
        size += places[o] - start
        for p in range(start, places[o]):
            if counts[items[p]] == 0:
                touched[n_touched] = items[p]
                n_touched += 1
            counts[items[p]] += weight
    return n_touched, size


@njit(cache=True)
def _emit(
    suffix: Ints, depth: int, labels: Ints, frequent: Ints, counts: Longs, found: Found, used: Longs
) -> bool:  # fmt: skip
    """Writes suffix[:depth] + each frequent item; false when there is no room for them all."""
    flat, lengths, sums = found
    n_flat, n_found = used[0], used[1]
    if n_found + frequent.shape[0] > sums.shape[0] or n_flat + (depth + 1) * frequent.shape[0] > flat.shape[0]:
        return False
    for item in frequent:
        for d in range(depth):
            flat[n_flat + d] = suffix[d]
        flat[n_flat + depth] = labels[item]
        lengths[n_found] = depth + 1
        sums[n_found] = counts[item]
        n_flat += depth + 1
        n_found += 1
    used[0] = n_flat
    used[1] = n_found
    return True


@njit(cache=True)
def _frequent_first(touched: Ints, counts: Longs, min_count: int, relabel: Ints) -> int:
    """Moves the items of at least `min_count` to the front of `touched` and labels them in turn; how many they are."""
    n_frequent = 0
    for t in range(touched.shape[0]):
        item = touched[t]
        if counts[item] >= min_count:
            relabel[item] = n_frequent
            touched[t] = touched[n_frequent]
            touched[n_frequent] = item
            n_frequent += 1
    return n_frequent


@njit(cache=True)
def _grow(
    items: Ints, offsets: Longs, weights: Longs, n_items: int, low: int, min_counts: Longs, max_length: int,
    found: Found, used: Longs,
) -> bool:  # fmt: skip
    """Writes every frequent itemset of two or more items, the least frequent of them `low` or later.

    That item's `min_counts` is how often the itemset must occur.
    Depth first, with a stack of conditional databases (a compiled function that calls itself cannot be cached). False
    when `found` is full; then `used` says how to resume: flat items and itemsets written, the top item that comes
    next, and how much had been written before it.
    """
    databases = [(items, offsets, weights)]
    labels = [np.arange(n_items).astype(np.int32)]
    held = [occurrences(items, offsets, n_items)]
    nexts = [low]
    suffix = np.empty(max_length + 1, np.int32)
    counts = np.zeros(n_items, np.int64)
    touched = np.empty(n_items, np.int32)
    relabel = np.full(n_items, -1, np.int32)
    min_count = 1
    while nexts:
        depth = len(nexts) - 1
        last = nexts[depth]
        if depth == 0:
            min_count = min_counts[min(last, n_items - 1)]
            used[2:] = (last, used[0], used[1])
        if last == labels[depth].shape[0]:
            databases.pop(), labels.pop(), held.pop(), nexts.pop()
            continue
        nexts[depth] = last + 1
        database, (starts, baskets, places) = databases[depth], held[depth]
        baskets, places = baskets[starts[last] : starts[last + 1]], places[starts[last] : starts[last + 1]]
        n_touched, size = _count_before(database, baskets, places, counts, touched)
        n_frequent = _frequent_first(touched[:n_touched], counts, min_count, relabel)
        frequent = touched[:n_frequent]
        suffix[depth] = labels[depth][last]
        if not _emit(suffix, depth + 1, labels[depth], frequent, counts, found, used):
            return False
        if n_frequent > 1 and depth + 3 <= max_length:
            rest = _project(database, baskets, places, size, relabel)
            databases.append(rest)
            labels.append(labels[depth][frequent])
            held.append(occurrences(rest[0], rest[1], n_frequent))
            nexts.append(0)
        for item in touched[:n_touched]:
            counts[item] = 0
            relabel[item] = -1
    return True


def grow(
    database: Database,
    n_items: int,
    low: int,
    min_counts: Longs,
    max_length: int,
    room: int = 1 << 18,
    enough: int | None = None,
) -> Iterator[tuple[Ints, Ints, Longs]]:
    """Every itemset of two items and more whose least frequent item is `low` or later, in portions.

    A portion is flat items, lengths, counts; an itemset's items come in no order. `n_items` is one above the highest
    item, `min_counts` how often an itemset must occur, by its least frequent item, `max_length` 0 means no limit,
    `room` the number of itemsets a portion is first given room for. With `enough` it ends early where one item alone
    has more itemsets than that.
    """
    items, offsets, weights = database
    max_length = max_length or max(2, int(np.diff(offsets).max(initial=0)))
    complete = False
    while not complete:
        found = (np.empty(4 * room, np.int32), np.empty(room, np.int32), np.empty(room, np.int64))
        used = np.array([0, 0, low, 0, 0], np.int64)
        complete = _grow(items, offsets, weights, n_items, low, min_counts, max_length, found, used)
        low, n_flat, n_found = (int(value) for value in used[2:])
        if not n_found and not complete:  # one item alone has more itemsets than there was room for
            complete = enough is not None and room > enough
            n_flat, n_found = (int(value) for value in used[:2]) if complete else (0, 0)
            room *= 4
        if n_found:
            yield found[0][:n_flat], found[1][:n_found], found[2][:n_found]
