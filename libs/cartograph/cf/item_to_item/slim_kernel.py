"""The compiled kernel of SLIM: non-negative elastic nets on a gram matrix, by coordinate descent."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

from cartograph.core.pairs.kernels import Floats, Longs

Gram = npt.NDArray[np.float32]  # Integers below 2^24 are exact in it.


@njit(cache=True, nogil=True)
def elastic_nets(
    targets: Longs, gram: Gram, l1: float, l2: float, n_sweeps: int, tolerance: float
) -> npt.NDArray[np.float64]:
    """The weights of all products for each target: (targets, products).

    Minimises Σ_u (x_ut - Σ_i x_ui w_i)² / 2 + l2 |w|² / 2 + l1 |w| over w >= 0 with w_t = 0. Products that share no
    more than l1 customers with the target have the weight 0 in every solution, and so are skipped.

    Args:
        targets: codes of products.
        gram: X'X.
        n_sweeps: most sweeps over a target's products.
        tolerance: a target has converged when a sweep changes no weight by more.
    """
    weights = np.zeros((len(targets), len(gram)))
    for at in range(len(targets)):
        candidates = np.flatnonzero(gram[targets[at]] > l1)
        candidates = candidates[candidates != targets[at]]
        found = _elastic_net(candidates, gram, targets[at], l1, l2, n_sweeps, tolerance)
        for place in range(len(candidates)):
            weights[at, candidates[place]] = found[place]
    return weights


@njit(cache=True, nogil=True)
def _elastic_net(
    candidates: Longs, gram: Gram, target: int, l1: float, l2: float, n_sweeps: int, tolerance: float
) -> Floats:
    """One weight per candidate.

    Every sweep over all candidates is followed by sweeps over those with a weight until these converge, as most
    weights are 0 in the end (Friedman, Hastie, Tibshirani 2010).
    """
    n = len(candidates)
    weights, slopes = np.zeros(n), np.empty(n)  # slopes: X'(x_t - X w) of each candidate
    everything = np.arange(n)
    for at in range(n):
        slopes[at] = gram[target, candidates[at]]
    remaining = n_sweeps
    while remaining > 0:
        remaining -= 1
        if _sweep(everything, candidates, gram, l1, l2, weights, slopes) <= tolerance:
            break
        active = np.flatnonzero(weights)
        while remaining > 0:
            remaining -= 1
            if _sweep(active, candidates, gram, l1, l2, weights, slopes) <= tolerance:
                break
    return weights


@njit(cache=True, nogil=True)
def _sweep(
    places: Longs, candidates: Longs, gram: Gram, l1: float, l2: float, weights: Floats, slopes: Floats
) -> float:
    """Minimises over one weight after the other; the largest change."""
    largest = 0.0
    for at in places:
        row = gram[candidates[at]]
        own = np.float64(row[candidates[at]])
        change = max((slopes[at] + own * weights[at] - l1) / (own + l2), 0.0) - weights[at]
        if change != 0.0:
            weights[at] += change
            largest = max(largest, abs(change))
            for other in range(len(candidates)):
                slopes[other] -= change * row[candidates[other]]
    return largest
