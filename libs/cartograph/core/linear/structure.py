"""Numbers that tell products apart by who has them, not by their names, for what must not depend on names.

Two products have the same number if their customers have as many products, which have as many customers, and so on for
some steps (colour refinement: Weisfeiler and Leman 1968). Sums are of whole numbers, so neither order nor dealing
plays a part.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

Keys = npt.NDArray[np.uint64]

ROUNDS = 3  # from products to customers and back: more hardly tell more products apart


@njit(cache=True, nogil=True, inline="always")
def _mixed(key: np.uint64) -> np.uint64:
    """A number that looks drawn (SplitMix64)."""
    key = (key + np.uint64(0x9E3779B97F4A7C15)) & np.uint64(0xFFFFFFFFFFFFFFFF)
    key = (key ^ (key >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    key = (key ^ (key >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return key ^ (key >> np.uint64(31))


@njit(cache=True, nogil=True)
def mixed(keys: Keys) -> Keys:
    """Each number as one that looks drawn."""
    found = np.empty_like(keys)
    for at in range(len(keys)):
        found[at] = _mixed(keys[at])
    return found


@njit(cache=True, nogil=True)
def met(ends: Any, others: Any, weights: npt.NDArray[np.float32], keys: Keys, n_ends: int) -> Keys:
    """For each end of pairs the sum of what is at their other ends: keys and weights, mixed.

    Args:
        ends, others: the two ends of each pair, of `n_ends` and of `len(keys)`.
        weights: of the pairs.
        keys: of the other ends.
    """
    sums, bits = np.zeros(n_ends, np.uint64), weights.view(np.int32)
    for at in range(len(ends)):
        sums[ends[at]] += _mixed(keys[others[at]] ^ _mixed(np.uint64(np.uint32(bits[at]))))
    return sums


def told_apart(keys: Keys) -> Keys:
    """The keys, equal ones made different by their places."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1]))) if len(keys) else np.zeros(0, int)
    place = np.empty(len(keys), np.uint64)
    place[order] = np.arange(len(keys)) - np.repeat(starts, np.diff(np.append(starts, len(keys))))
    return mixed(keys ^ mixed(place))


def noise(keys: Keys, width: int, seed: int) -> npt.NDArray[np.float32]:
    """Numbers from -1 to 1 that look drawn, `width` for each key, from key and seed alone: (keys, width)."""
    places = mixed(np.arange(width, dtype=np.uint64) ^ np.uint64(seed * 0xD1342543DE82EF95 % 2**64))
    cells = keys[:, None] ^ places
    drawn = mixed(cells.ravel()).reshape(cells.shape)
    return ((drawn >> np.uint64(11)).astype(np.float64) / 2.0**52 - 1).astype(np.float32)
