"""Item neighbours: products are alike when the same customers had to do with them (Sarwar et al. 2001)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Self

import numpy as np

from cartograph.cf.item_to_item import ItemToItem
from cartograph.core.model import Silver
from cartograph.core.pairs.coded_groups import coded_groups
from cartograph.core.pairs.counts import PairRows, catalogue_of, counted, neighbour_lists
from cartograph.core.pairs.kernels import Floats
from cartograph.core.views.interactions import EVENT_WEIGHTS


class ItemNeighbours(ItemToItem):
    """Cosine of products over the customers that had to do with them, shrunk where few did.

    With n_i customers of product i and n_ij of both: n_ij / sqrt(n_i n_j) * n_ij / (n_ij + shrinkage).

    Args:
        n_neighbours: neighbours kept per product.
        shrinkage: customers in common that a pair needs for half of its cosine; 0: the plain cosine.
        newest: products of a customer that count, those touched last.
        recent: products of a history that `recommend` starts from, the last ones.
        event_weights: what an event of each type weighs; a pair counts when its weights add up to more than nothing.
        mask_seen: never recommend what the customer has seen (`core.views.seen`).
    """

    name = "item_neighbours"

    def __init__(
        self,
        *,
        n_neighbours: int = 100,
        shrinkage: float = 5.0,
        newest: int = 500,
        recent: int = 50,
        event_weights: Mapping[str, float] = EVENT_WEIGHTS,
        mask_seen: bool = True,
    ) -> None:
        super().__init__(
            n_neighbours=n_neighbours, newest=newest, recent=recent, event_weights=event_weights, mask_seen=mask_seen
        )
        self.shrinkage = shrinkage

    def fit(self, data: Silver) -> Self:
        """Learns `lists_`: product_id, associated_product_ids, scores."""
        groups = coded_groups(self._groups(data.events))
        score = partial(shrunk_cosines, shrinkage=self.shrinkage)
        lists = neighbour_lists(groups, catalogue_of(groups), self.n_neighbours, counted, score)
        self.lists_ = lists.localCheckpoint()
        return self


def shrunk_cosines(pairs: PairRows, shrinkage: float) -> Floats:
    """One cosine per pair, from the numbers of customers in common."""
    n_groups = pairs.block.catalogue.n_groups
    norms = np.sqrt(pairs.spread(n_groups[pairs.own].astype(np.float64)) * n_groups[pairs.others])
    cosines: Floats = pairs.sums / norms * pairs.sums / (pairs.sums + shrinkage)
    return cosines
