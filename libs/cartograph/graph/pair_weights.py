"""What a pair of products weighs in the graph that customers make of products: entries of ÑᵀÑ."""

from __future__ import annotations

import numpy as np

from cartograph.core.pairs.counts import PairRows
from cartograph.core.pairs.kernels import Floats, Longs

_UNIT = 1 << 32  # sums of customers' weights are whole numbers of 1 / _UNIT


def inverse_lengths(lengths: Longs) -> Longs:
    """1 / products of the customer, in whole numbers of 1 / _UNIT."""
    weights: Longs = np.maximum(_UNIT // np.maximum(lengths, 1), 1)
    return weights


def shared_weight(pairs: PairRows) -> Floats:
    """Entries of ÑᵀÑ, one per pair."""
    n_groups = pairs.block.catalogue.n_groups.astype(np.float64) ** -0.5
    scores: Floats = pairs.spread(n_groups[pairs.own]) * (pairs.sums / _UNIT) * n_groups[pairs.others]
    return scores
