"""Compiled mining of high-utility itemsets: itemsets of high value, not only of high frequency.

A *utility database* is four arrays: `items` (int32, the baskets one after another, each strictly ascending),
`utilities` (int64, the utility of each item in its basket), `offsets` (int64, where each basket starts, and the end)
and `prefixes` (int64, the utility of the itemset grown so far in each basket).

An itemset is found at its highest item, and grows by items below it. Utility may rise and fall as an itemset grows,
so pruning uses upper bounds: all that an itemset could still add (remaining utility: Liu & Qu, "Mining high
utility itemsets without candidate generation", 2012) and by all that is in the baskets of an item (local utility:
Zida et al., "EFIM", 2015).
"""

from __future__ import annotations

import numpy as np
from numba import njit

from cartograph.rules.growth import occurrences
from cartograph.rules.kernels import Ints, Longs

UtilityDatabase = tuple[Ints, Longs, Longs, Longs]
Worth = tuple[Ints, Ints, Longs, Longs]  # flat items, and per itemset its length, baskets and utility


@njit(cache=True)
def below(items: Ints, utilities: Longs, offsets: Longs, low: int, high: int) -> tuple[Ints, Longs, Longs]:
    """Of each basket with an item in [low, high), the part below `high`: items, utilities, offsets."""
    kept = np.empty(items.shape[0], np.int32)
    kept_utilities = np.empty(items.shape[0], np.int64)
    ends = np.zeros(offsets.shape[0], np.int64)
    n_items = n_kept = 0
    for basket in range(offsets.shape[0] - 1):
        start, end = offsets[basket], offsets[basket + 1]
        while end > start and items[end - 1] >= high:
            end -= 1
        if end == start or items[end - 1] < low:
            continue
        kept[n_items : n_items + end - start] = items[start:end]
        kept_utilities[n_items : n_items + end - start] = utilities[start:end]
        n_items += end - start
        n_kept += 1
        ends[n_kept] = n_items
    return kept[:n_items], kept_utilities[:n_items], ends[: n_kept + 1]


@njit(cache=True)
def _utility_before(utilities: Longs, offsets: Longs) -> Longs:
    """Per place, the total utility of the items before it in its basket."""
    before = np.empty(utilities.shape[0], np.int64)
    for basket in range(offsets.shape[0] - 1):
        total = 0
        for p in range(offsets[basket], offsets[basket + 1]):
            before[p] = total
            total += utilities[p]
    return before


@njit(cache=True)
def _utility_with(database: UtilityDatabase, before: Longs, baskets: Ints, places: Longs) -> tuple[int, int]:
    """The utility of the itemset with the item at these places, and an upper bound for its supersets."""
    _, utilities, _, prefixes = database
    own = most = 0
    for o in range(baskets.shape[0]):
        utility = prefixes[baskets[o]] + utilities[places[o]]
        own += utility
        most += utility + before[places[o]]
    return own, most


@njit(cache=True)
def _promising(
    database: UtilityDatabase, before: Longs, baskets: Ints, places: Longs, n_labels: int, least: int, relabel: Ints
) -> Ints:
    """The items before these places whose baskets reach utility `least`; `relabel` numbers them, the others are -1."""
    items, utilities, offsets, prefixes = database
    local = np.zeros(n_labels, np.int64)
    for o in range(baskets.shape[0]):
        utility = prefixes[baskets[o]] + utilities[places[o]] + before[places[o]]
        for p in range(offsets[baskets[o]], places[o]):
            local[items[p]] += utility
    promising = np.flatnonzero(local >= least).astype(np.int32)
    relabel[:n_labels] = -1
    for label in range(promising.shape[0]):
        relabel[promising[label]] = label
    return promising


@njit(cache=True)
def _project(database: UtilityDatabase, baskets: Ints, places: Longs, relabel: Ints) -> UtilityDatabase:
    """The part of each basket before the place given, promising items only; the item at the place joins the prefix."""
    items, utilities, offsets, prefixes = database
    size = 0
    for o in range(baskets.shape[0]):
        size += places[o] - offsets[baskets[o]]
    kept = np.empty(size, np.int32)
    kept_utilities = np.empty(size, np.int64)
    ends = np.zeros(baskets.shape[0] + 1, np.int64)
    kept_prefixes = np.empty(baskets.shape[0], np.int64)
    n_items = n_kept = 0
    for o in range(baskets.shape[0]):
        start = n_items
        for p in range(offsets[baskets[o]], places[o]):
            if relabel[items[p]] >= 0:
                kept[n_items] = relabel[items[p]]
                kept_utilities[n_items] = utilities[p]
                n_items += 1
        if n_items > start:
            kept_prefixes[n_kept] = prefixes[baskets[o]] + utilities[places[o]]
            n_kept += 1
            ends[n_kept] = n_items
    return kept[:n_items], kept_utilities[:n_items], ends[: n_kept + 1], kept_prefixes[:n_kept]


@njit(cache=True)
def _longer(values: Longs, needed: int) -> Longs:
    """The same values with room for at least `needed`."""
    if needed <= values.shape[0]:
        return values
    longer = np.empty(max(needed, 2 * values.shape[0]), np.int64)
    longer[: values.shape[0]] = values
    return longer


@njit(cache=True)
def grow_utility(
    items: Ints, utilities: Longs, offsets: Longs, n_items: int, low: int, least: int, max_length: int
) -> tuple[Longs, Longs, Longs, Longs]:
    """Every itemset of at least utility `least` whose highest item is `low` or above.

    Gives flat items (in no order) and, per itemset, its length, the baskets that contain it and its utility in them.
    `max_length` 0 means no limit. Depth first, with a stack (a compiled function that calls itself cannot be cached).
    """
    databases = [(items, utilities, offsets, np.zeros(offsets.shape[0] - 1, np.int64))]
    befores = [_utility_before(utilities, offsets)]
    labels = [np.arange(n_items).astype(np.int32)]
    held = [occurrences(items, offsets, n_items)]
    nexts = [low]
    suffix = np.empty(n_items + 1, np.int64)
    relabel = np.empty(n_items, np.int32)
    flat, lengths = np.empty(1024, np.int64), np.empty(256, np.int64)
    counts, sums = np.empty(256, np.int64), np.empty(256, np.int64)
    n_flat = n_found = 0
    while nexts:
        depth = len(nexts) - 1
        last = nexts[depth]
        if last == labels[depth].shape[0]:
            databases.pop(), befores.pop(), labels.pop(), held.pop(), nexts.pop()
            continue
        nexts[depth] = last + 1
        starts, baskets, places = held[depth]
        baskets, places = baskets[starts[last] : starts[last + 1]], places[starts[last] : starts[last + 1]]
        own, most = _utility_with(databases[depth], befores[depth], baskets, places)
        suffix[depth] = labels[depth][last]
        if own >= least:
            flat = _longer(flat, n_flat + depth + 1)
            lengths, counts = _longer(lengths, n_found + 1), _longer(counts, n_found + 1)
            sums = _longer(sums, n_found + 1)
            flat[n_flat : n_flat + depth + 1] = suffix[: depth + 1]
            lengths[n_found], counts[n_found], sums[n_found] = depth + 1, baskets.shape[0], own
            n_flat += depth + 1
            n_found += 1
        if most >= least and (max_length == 0 or depth + 1 < max_length):
            n_labels = labels[depth].shape[0]
            promising = _promising(databases[depth], befores[depth], baskets, places, n_labels, least, relabel)
            if promising.shape[0] > 0:
                rest = _project(databases[depth], baskets, places, relabel)
                databases.append(rest)
                befores.append(_utility_before(rest[1], rest[2]))
                labels.append(labels[depth][promising])
                held.append(occurrences(rest[0], rest[2], promising.shape[0]))
                nexts.append(0)
    return flat[:n_flat], lengths[:n_found], counts[:n_found], sums[:n_found]
