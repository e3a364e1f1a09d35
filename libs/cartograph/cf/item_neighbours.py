"""Item neighbours: products are similar when the same customers interacted with them (Sarwar et al. 2001)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Self

import numpy as np

from cartograph.cf.item_to_item.model import ItemToItem
from cartograph.cf.settings import ItemNeighboursSettings
from cartograph.core.event_types import EVENT_WEIGHTS
from cartograph.core.model import Silver
from cartograph.core.pairs.counts import PairRows, counted
from cartograph.core.pairs.kernels import Floats
from cartograph.core.settings import settings_of


class ItemNeighbours(ItemToItem):
    """Cosine of products over the customers that interacted with them, shrunk where few did.

    With n_i customers of product i and n_ij of both: n_ij / sqrt(n_i n_j) * n_ij / (n_ij + shrinkage).
    """

    name = "item_neighbours"
    settings: ItemNeighboursSettings

    def __init__(
        self,
        settings: ItemNeighboursSettings | None = None,
        *,
        event_weights: Mapping[str, float] = EVENT_WEIGHTS,
        mask_seen: bool = True,
        **changed: Any,
    ) -> None:
        super().__init__(settings_of(ItemNeighboursSettings, settings, changed), event_weights, mask_seen)

    def fit(self, data: Silver) -> Self:
        """Learns `lists_`: product_id, associated_product_ids, scores."""
        score = partial(shrunk_cosines, shrinkage=self.settings.shrinkage)
        self.lists_ = self._neighbour_lists(self._groups(data.events), counted, score)
        return self


def shrunk_cosines(pairs: PairRows, shrinkage: float) -> Floats:
    """One cosine per pair, from the counts of common customers."""
    n_groups = pairs.block.catalogue.n_groups
    norms = np.sqrt(pairs.spread(n_groups[pairs.own].astype(np.float64)) * n_groups[pairs.others])
    cosines: Floats = pairs.sums / norms * pairs.sums / (pairs.sums + shrinkage)
    return cosines
