"""RP3β: where random walks product - customer - product end, popular ends discounted (Paudel et al. 2017)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Self

import numpy as np

from cartograph.cf.item_to_item.model import ItemToItem
from cartograph.cf.settings import Rp3BetaSettings
from cartograph.core.event_types import EVENT_WEIGHTS
from cartograph.core.model import Silver
from cartograph.core.pairs.counts import PairRows, counted
from cartograph.core.pairs.kernels import Floats, Longs
from cartograph.core.settings import settings_of

_UNIT = 2.0**30  # Weights of customers are multiples of 1 / _UNIT, so that sums are exact.


class Rp3Beta(ItemToItem):
    """Probability of a walk of two steps from product i over a customer to product j, reshaped by alpha and beta.

    With n_i customers of product i and n_u products of customer u, over the customers u of both products:
    score(i, j) = sum of (1 / n_i)^alpha (1 / n_u)^alpha, divided by n_j^beta.
    """

    name = "rp3beta"
    settings: Rp3BetaSettings

    def __init__(
        self,
        settings: Rp3BetaSettings | None = None,
        *,
        event_weights: Mapping[str, float] = EVENT_WEIGHTS,
        mask_seen: bool = True,
        **changed: Any,
    ) -> None:
        super().__init__(settings_of(Rp3BetaSettings, settings, changed), event_weights, mask_seen)

    def fit(self, data: Silver) -> Self:
        """Learns `lists_`: product_id, associated_product_ids, scores."""
        rows_of = partial(counted, weigh=partial(user_weights, alpha=self.settings.alpha))
        score = partial(walks, settings=self.settings)
        self.lists_ = self._neighbour_lists(self._groups(data.events), rows_of, score)
        return self


def user_weights(lengths: Longs, alpha: float) -> Longs:
    """(1 / products of the customer)^alpha, in units of 1 / _UNIT."""
    weights: Longs = np.maximum(np.rint(_UNIT * lengths.astype(np.float64) ** -alpha), 1).astype(np.int64)
    return weights


def walks(pairs: PairRows, settings: Rp3BetaSettings) -> Floats:
    """One score per pair, from the summed weights of the common customers."""
    n_groups = pairs.block.catalogue.n_groups.astype(np.float64)
    starts = pairs.spread(n_groups[pairs.own] ** -settings.alpha)
    scores: Floats = starts * (pairs.sums / _UNIT) * (n_groups**-settings.beta)[pairs.others]
    return scores
