"""How often an itemset must occur: one support for all, or lower ones for rare products."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from cartograph.core.views.baskets import minimum_count
from cartograph.rules.kernels import Longs


@dataclass(frozen=True)
class Supports:
    """Multiple minimum supports (Liu, Hsu & Ma, "Mining association rules with multiple minimum supports", 1999).

    A product asks for the share `rare_share` of its own support, at least `rare_support` and at most `min_support`; an
    itemset must occur as often as its least frequent product asks. Without `rare_support` all ask for `min_support`.
    """

    min_support: float
    rare_support: float | None = None
    rare_share: float = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.min_support <= 1:
            raise ValueError(f"min_support is a share of the baskets in (0, 1], not {self.min_support}")
        if self.rare_support is not None and not 0 < self.rare_support <= self.min_support:
            raise ValueError(f"rare_support is in (0, min_support], not {self.rare_support}")
        if not 0 <= self.rare_share <= 1:
            raise ValueError(f"rare_share is a share in [0, 1], not {self.rare_share}")

    @property
    def lowest(self) -> float:
        """No itemset of a lower support is found."""
        return self.min_support if self.rare_support is None else self.rare_support

    def counts(self, n_item: Longs, n_baskets: int) -> Longs:
        """Per product in `n_item` baskets, the baskets that an itemset of it and more frequent ones must be in."""
        least = np.full(len(n_item), minimum_count(self.min_support, n_baskets), np.int64)
        if self.rare_support is None:
            return least
        own = np.ceil(self.rare_share * n_item - 1e-9).astype(np.int64)
        asked: Longs = np.minimum(least, np.maximum(own, minimum_count(self.rare_support, n_baskets)))
        return asked

    def raised(self, factor: float) -> Self:
        """The same, all supports that much higher."""
        rare = None if self.rare_support is None else min(1.0, self.rare_support * factor)
        return replace(self, min_support=min(1.0, self.min_support * factor), rare_support=rare)
