"""Structural hashes of products, which depend on their customers and not on their ids.

Two products have the same hash if their customers have equally many products, which have equally many customers, and so
on for some rounds (colour refinement: Weisfeiler and Leman 1968). Sums are of integers, so the order of rows and their
partitioning make no difference.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

Keys = npt.NDArray[np.uint64]

ROUNDS = 3  # From products to customers and back: more rounds hardly distinguish more products.


@njit(cache=True, nogil=True, inline="always")
def _mixed(key: np.uint64) -> np.uint64:
    """A pseudorandom number (SplitMix64)."""
    key = (key + np.uint64(0x9E3779B97F4A7C15)) & np.uint64(0xFFFFFFFFFFFFFFFF)
    key = (key ^ (key >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    key = (key ^ (key >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return key ^ (key >> np.uint64(31))


@njit(cache=True, nogil=True)
def mixed(keys: Keys) -> Keys:
    """A pseudorandom number for each key."""
    found = np.empty_like(keys)
    for at in range(len(keys)):
        found[at] = _mixed(keys[at])
    return found


@njit(cache=True, nogil=True)
def neighbour_sums(ends: Any, others: Any, weights: npt.NDArray[np.float32], keys: Keys, n_ends: int) -> Keys:
    """Per node the sum over its edges of a hash of the other node's key and the edge's weight.

    Args:
        ends, others: the two nodes of each edge, out of `n_ends` and `len(keys)`.
        weights: weights of the edges.
        keys: keys of the other nodes.
    """
    sums, bits = np.zeros(n_ends, np.uint64), weights.view(np.int32)
    for at in range(len(ends)):
        sums[ends[at]] += _mixed(keys[others[at]] ^ _mixed(np.uint64(np.uint32(bits[at]))))
    return sums


def distinct(keys: Keys) -> Keys:
    """The keys, with equal ones made distinct by their positions."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1]))) if len(keys) else np.zeros(0, int)
    place = np.empty(len(keys), np.uint64)
    place[order] = np.arange(len(keys)) - np.repeat(starts, np.diff(np.append(starts, len(keys))))
    return mixed(keys ^ mixed(place))


def noise(keys: Keys, width: int, seed: int) -> npt.NDArray[np.float32]:
    """Pseudorandom numbers from -1 to 1, `width` per key, as a function of key and seed: (keys, width)."""
    places = mixed(np.arange(width, dtype=np.uint64) ^ np.uint64(seed * 0xD1342543DE82EF95 % 2**64))
    cells = keys[:, None] ^ places
    numbers = mixed(cells.ravel()).reshape(cells.shape)
    return ((numbers >> np.uint64(11)).astype(np.float64) / 2.0**52 - 1).astype(np.float32)
