"""The compiled kernel of BPR: stochastic steps towards ranking what a customer has above what they do not have.

Rows of `users` and `items` are one longer than the rank: the last component of an item is its bias, that of a customer
1, so that the score of a pair is one inner product.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

from cartograph.cf.factorisation.solvers import Codes, Floats, Starts

Longs = npt.NDArray[np.int64]
State = npt.NDArray[np.uint64]  # Of the random number generator: one integer.

_FAST = {"reassoc", "contract", "nsz", "arcp"}
_TRIES = 20  # Attempts to find a product that the customer does not have.


@njit(cache=True, nogil=True)
def learn(
    starts: Starts, columns: Codes, rows: Codes, users: Floats, items: Floats, counts: Longs, n_samples: int,
    rate: float, regularisation: float, n_negatives: int, state: State,
) -> None:  # fmt: skip
    """Takes `n_samples` steps, each for a uniformly sampled pair and a product that its customer does not have.

    Args:
        starts, columns: products of each customer, sorted.
        rows: customer of each pair.
        counts: of the steps that updated each product; added to.
        n_negatives: negatives sampled per step, of which the one that scores highest is used.
        state: of the random number generator; advanced.
    """
    for _ in range(n_samples):
        place = _below(state, len(columns))
        row, item = rows[place], columns[place]
        own = columns[starts[row] : starts[row + 1]]
        other = _not_owned(own, users[row], items, n_negatives, state)
        if other >= 0:
            step(users[row], items[item], items[other], rate, regularisation, True)
            counts[item] += 1
            counts[other] += 1


@njit(cache=True, nogil=True)
def fold(
    starts: Starts, columns: Codes, users: Floats, items: Floats, n_iterations: int, rate: float,
    regularisation: float, n_negatives: int, seed: int,
) -> None:  # fmt: skip
    """Takes every customer of `users` the same kind of steps, items staying as they are, `n_iterations` a pair.

    The generator is seeded for every customer, so that the answer depends on the history alone.
    """
    state = np.empty(1, dtype=np.uint64)
    for row in range(len(users)):
        state[0] = seed
        own = columns[starts[row] : starts[row + 1]]
        n_steps = n_iterations * len(own)
        for at in range(n_steps):
            other = _not_owned(own, users[row], items, n_negatives, state)
            if other >= 0:
                item = own[_below(state, len(own))]
                step(users[row], items[item], items[other], rate * (1 - at / n_steps), regularisation, False)


@njit(cache=True, nogil=True, fastmath=_FAST)
def step(user: Floats, item: Floats, other: Floats, rate: float, regularisation: float, both_sides: bool) -> None:
    """One step down the slope of -ln σ(score of item - score of other) + regularisation / 2 |all three|².

    Of items only with `both_sides`.
    """
    k = len(user) - 1
    ahead = np.float32(item[k] - other[k])
    for f in range(k):
        ahead += user[f] * (item[f] - other[f])
    slope = np.float32(1.0 / (1.0 + np.exp(ahead)))
    length, ridge = np.float32(rate), np.float32(regularisation)
    for f in range(k):
        own, apart = user[f], item[f] - other[f]
        user[f] += length * (slope * apart - ridge * own)
        if both_sides:
            item[f] += length * (slope * own - ridge * item[f])
            other[f] += length * (-slope * own - ridge * other[f])
    if both_sides:
        item[k] += length * (slope - ridge * item[k])
        other[k] += length * (-slope - ridge * other[k])


@njit(cache=True, nogil=True, fastmath=_FAST)
def _not_owned(own: Codes, user: Floats, items: Floats, n_negatives: int, state: State) -> int:
    """The highest-scoring of some sampled products that the customer does not have; -1 if none was found."""
    best, highest = -1, -np.inf
    for _ in range(n_negatives):
        for _ in range(_TRIES):
            item = _below(state, len(items))
            place = np.searchsorted(own, item)
            if place == len(own) or own[place] != item:
                break
        else:
            continue
        score = np.float32(0)
        if n_negatives > 1:
            for f in range(len(user)):
                score += user[f] * items[item, f]
        if score > highest:
            best, highest = item, float(score)
    return best


@njit(cache=True, nogil=True, inline="always")
def _below(state: State, n: int) -> int:
    """A random integer from 0 to n - 1 (SplitMix64)."""
    state[0] += np.uint64(0x9E3779B97F4A7C15)
    mixed = state[0]
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed = mixed ^ (mixed >> np.uint64(31))
    return int(np.float64(mixed >> np.uint64(11)) * 2.0**-53 * n)
