"""RP3β: where a walk product - customer - product ends, popular ends held back (Paudel et al. 2017)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Self

import numpy as np

from cartograph.cf.item_to_item import ItemToItem
from cartograph.core.model import Silver
from cartograph.core.pairs.coded_groups import coded_groups
from cartograph.core.pairs.counts import PairRows, catalogue_of, counted, neighbour_lists
from cartograph.core.pairs.kernels import Floats, Longs
from cartograph.core.views.interactions import EVENT_WEIGHTS

_UNIT = 2.0**30  # weights of customers are whole numbers of 1 / _UNIT, so that sums are exact


class Rp3Beta(ItemToItem):
    """Probability of a walk of two steps from product i over a customer to product j, bent by alpha and beta.

    With n_i customers of product i and n_u products of customer u, over the customers u of both products:
    score(i, j) = sum of (1 / n_i)^alpha (1 / n_u)^alpha, divided by n_j^beta.

    Args:
        n_neighbours: neighbours kept per product.
        alpha: below 1, steps that are many are taken more often than evenly.
        beta: how much the popularity of the end counts against it; 0: not at all (P3α).
        newest: products of a customer that count, those touched last.
        recent: products of a history that `recommend` starts from, the last ones.
        event_weights: what an event of each type weighs; a pair counts when its weights add up to more than nothing.
        mask_seen: never recommend what the customer has seen (`core.views.seen`).
    """

    name = "rp3beta"

    def __init__(
        self,
        *,
        n_neighbours: int = 100,
        alpha: float = 0.8,
        beta: float = 0.2,
        newest: int = 500,
        recent: int = 500,
        event_weights: Mapping[str, float] = EVENT_WEIGHTS,
        mask_seen: bool = True,
    ) -> None:
        super().__init__(
            n_neighbours=n_neighbours, newest=newest, recent=recent, event_weights=event_weights, mask_seen=mask_seen
        )
        self.alpha = alpha
        self.beta = beta

    def fit(self, data: Silver) -> Self:
        """Learns `lists_`: product_id, associated_product_ids, scores."""
        groups = coded_groups(self._groups(data.events))
        rows_of = partial(counted, weigh=partial(user_weights, alpha=self.alpha))
        score = partial(walks, alpha=self.alpha, beta=self.beta)
        self.lists_ = neighbour_lists(groups, catalogue_of(groups), self.n_neighbours, rows_of, score).localCheckpoint()
        return self


def user_weights(lengths: Longs, alpha: float) -> Longs:
    """(1 / products of the customer)^alpha, in whole numbers of 1 / _UNIT."""
    weights: Longs = np.maximum(np.rint(_UNIT * lengths.astype(np.float64) ** -alpha), 1).astype(np.int64)
    return weights


def walks(pairs: PairRows, alpha: float, beta: float) -> Floats:
    """One score per pair, from the summed weights of the customers in common."""
    n_groups = pairs.block.catalogue.n_groups.astype(np.float64)
    starts = pairs.spread(n_groups[pairs.own] ** -alpha)
    scores: Floats = starts * (pairs.sums / _UNIT) * (n_groups**-beta)[pairs.others]
    return scores
