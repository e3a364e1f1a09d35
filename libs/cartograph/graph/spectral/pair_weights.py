"""Entries of ÑᵀÑ, the normalised number of shared customers of two products, as weights of `core.pairs.counts`."""

from __future__ import annotations

import numpy as np

from cartograph.core.pairs.counts import PairRows
from cartograph.core.pairs.kernels import Floats, Longs

_UNIT = 1 << 32  # Sums of weights are integers in units of 1 / _UNIT, and so do not depend on their order.


def inverse_lengths(lengths: Longs) -> Longs:
    """1 / number of products of the customer, as an integer in units of 1 / _UNIT."""
    weights: Longs = np.maximum(_UNIT // np.maximum(lengths, 1), 1)
    return weights


def shared_weight(pairs: PairRows) -> Floats:
    """Entries of ÑᵀÑ, one per pair."""
    n_groups = pairs.block.catalogue.n_groups.astype(np.float64) ** -0.5
    scores: Floats = pairs.spread(n_groups[pairs.own]) * (pairs.sums / _UNIT) * n_groups[pairs.others]
    return scores
