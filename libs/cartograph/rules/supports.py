"""Per product, how many baskets an itemset of it and of more frequent products must be in."""

from __future__ import annotations

import numpy as np

from cartograph.core.views.baskets import minimum_count
from cartograph.rules.kernels import Longs
from cartograph.rules.settings import SupportSettings


def minimum_counts(supports: SupportSettings, n_item: Longs, n_baskets: int) -> Longs:
    """The minimum count of each product that is in `n_item` of `n_baskets` baskets."""
    least = np.full(len(n_item), minimum_count(supports.min_support, n_baskets), np.int64)
    if supports.rare_support is None:
        return least
    own = np.ceil(supports.rare_share * n_item - 1e-9).astype(np.int64)
    counts: Longs = np.minimum(least, np.maximum(own, minimum_count(supports.rare_support, n_baskets)))
    return counts
