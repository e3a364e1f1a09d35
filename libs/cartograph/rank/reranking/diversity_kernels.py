"""Compiled kernels that choose a customer's list from the candidates, greedily.

All take the relevances of the candidates (0 to 1) and their vectors of unit length; the vector of a product about which
nothing is known is zero, which makes it similar to no other. Ties go to the earlier candidate.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from numba import njit

Floats = npt.NDArray[np.float64]
Vectors = npt.NDArray[np.float32]
Longs = npt.NDArray[np.int64]

_EXHAUSTED = 1e-6  # a determinant that grows by less is 0 up to rounding of the vectors


@njit(cache=True, nogil=True)
def _cosine(vectors: Vectors, one: int, other: int) -> float:
    """Cosine of two candidates."""
    total = 0.0
    for at in range(vectors.shape[1]):
        total += vectors[one, at] * vectors[other, at]
    return total


@njit(cache=True, nogil=True)
def similarity(vectors: Vectors, one: int, other: int) -> float:
    """Cosine of two candidates, negative values clipped to 0."""
    return float(max(_cosine(vectors, one, other), 0.0))


@njit(cache=True, nogil=True)
def pick_mmr(relevance: Floats, vectors: Vectors, k: int, diversity: float) -> Longs:
    """Maximal marginal relevance: (1 - diversity) relevance - diversity x similarity to the most similar one chosen.

    Carbonell and Goldstein 1998. The similarity of each candidate to the nearest chosen one is kept, so a step costs
    one comparison per candidate.
    """
    n = len(relevance)
    chosen = np.empty(min(k, n), dtype=np.int64)
    nearest, free = np.zeros(n), np.ones(n, dtype=np.bool_)
    for place in range(len(chosen)):
        best, best_gain = -1, -np.inf
        for each in range(n):
            gain = (1.0 - diversity) * relevance[each] - diversity * nearest[each]
            if free[each] and gain > best_gain:
                best, best_gain = each, gain
        chosen[place], free[best] = best, False
        for each in range(n):
            if free[each]:
                nearest[each] = max(nearest[each], similarity(vectors, each, best))
    return chosen


@njit(cache=True, nogil=True)
def pick_dpp(relevance: Floats, vectors: Vectors, k: int, diversity: float) -> Longs:
    """Greedy maximum of the determinant of L over the chosen, L = q_i (v_i v_j) q_j with q = exp(a relevance).

    a = (1 - diversity) / (2 diversity), so log det L weights relevance and spread as MMR does. The Cholesky factor
    grows by one row per step (Chen, Zhang and Zhou 2018, "Fast greedy MAP inference for determinantal point process"):
    n k^2 operations instead of n k^4. Once no candidate increases the determinant, the most relevant ones follow.
    """
    n = len(relevance)
    chosen = np.empty(min(k, n), dtype=np.int64)
    rows = np.zeros((len(chosen), n))
    left, free = np.ones(n), np.ones(n, dtype=np.bool_)  # squared distance to the span of the chosen
    strength = (1.0 - diversity) / max(diversity, _EXHAUSTED)
    for place in range(len(chosen)):
        best = _best_free(relevance, left, free, strength)
        if best < 0:  # no candidate increases the determinant
            best = _best_free(relevance, np.ones(n), free, 1.0)
        chosen[place], free[best] = best, False
        root = np.sqrt(left[best])
        for each in range(n):
            if free[each] and root > 0:
                total = _cosine(vectors, each, best)  # signed, otherwise L is not positive semidefinite
                for row in range(place):
                    total -= rows[row, best] * rows[row, each]
                rows[place, each] = total / root
                left[each] -= rows[place, each] ** 2
    return chosen


@njit(cache=True, nogil=True)
def _best_free(relevance: Floats, left: Floats, free: npt.NDArray[np.bool_], strength: float) -> int:
    """The free candidate that increases log det L most, ties to the first; -1 if none increases it."""
    best, best_gain = -1, -np.inf
    for each in range(len(relevance)):
        if free[each] and left[each] > _EXHAUSTED:
            gain = strength * relevance[each] + np.log(left[each])
            if gain > best_gain:
                best, best_gain = each, gain
    return best


@njit(cache=True, nogil=True)
def spread_of(chosen: Longs, vectors: Vectors) -> float:
    """Diversity of a list: the mean of 1 - similarity over its pairs; 0 for a list of one (Ziegler et al. 2005)."""
    total, n_pairs = 0.0, 0
    for place in range(len(chosen)):
        for before in range(place):
            total += 1.0 - similarity(vectors, chosen[place], chosen[before])
            n_pairs += 1
    return total / n_pairs if n_pairs else 0.0


@njit(cache=True, nogil=True)
def pick_rows(
    starts: Longs, positions: Longs, scores: Floats, vectors: Vectors, k: int, diversity: float, by_determinant: bool
) -> tuple[Longs, Floats, Floats]:
    """The chosen products of each customer, with their relevance and spread.

    Args:
        starts: of each customer's candidates, best first.
        positions: rows of `vectors`, one per candidate; -1, the last row, which is zero, for unknown products.
        scores: one per candidate; divided by the customer's highest score they are relevances.
        vectors: of unit length.
        k: length of a list.
        diversity: weight of spread against relevance, 0 to 1.
        by_determinant: by DPP, else by MMR.

    Returns:
        Positions of the chosen among all candidates, (customers, k), -1 beyond the last one; per customer the relevance
        of the chosen as a share of that of the `k` best; the spread of the chosen.
    """
    n_rows = len(starts) - 1
    places = np.full((n_rows, k), -1, dtype=np.int64)
    kept, spread = np.ones(n_rows), np.zeros(n_rows)
    for row in range(n_rows):
        first, last = starts[row], starts[row + 1]
        if first == last:
            continue
        own = np.empty((last - first, vectors.shape[1]), dtype=np.float32)
        for each in range(last - first):
            own[each] = vectors[positions[first + each]]
        highest = max(scores[first:last].max(), 1e-300)
        relevance = np.maximum(scores[first:last] / highest, 0.0)
        if by_determinant:
            chosen = pick_dpp(relevance, own, k, diversity)
        else:
            chosen = pick_mmr(relevance, own, k, diversity)
        places[row, : len(chosen)] = first + chosen
        best = relevance[: len(chosen)].sum()
        kept[row] = relevance[chosen].sum() / best if best > 0 else 1.0
        spread[row] = spread_of(chosen, own)
    return places, kept, spread


def picked(user_ids: pa.Array, product_ids: pa.Array, places: Longs) -> pa.RecordBatch:
    """One row per chosen product: user_id, product_id, rank (from 1).

    Args:
        user_ids: of the rows of `places`.
        product_ids: of all candidates, which `places` index.
        places: (customers, k), -1 beyond the last one.
    """
    rows, ranks = np.nonzero(places >= 0)
    columns = [
        user_ids.take(pa.array(rows)),
        product_ids.take(pa.array(places[rows, ranks])),
        pa.array((ranks + 1).astype(np.int32)),
    ]
    return pa.RecordBatch.from_arrays(columns, names=["user_id", "product_id", "rank"])
