"""Swing: customers who share two products and little else count more than those who share much (Yang et al. 2020)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Self

from pyspark.sql import functions as F

from cartograph.cf.item_to_item.model import ItemToItem
from cartograph.cf.settings import SwingSettings
from cartograph.core.event_types import EVENT_WEIGHTS
from cartograph.core.model import Silver
from cartograph.core.pairs.counts import PairRows
from cartograph.core.pairs.kernels import Floats
from cartograph.core.pairs.swings import UNIT, swings
from cartograph.core.settings import settings_of


class Swing(ItemToItem):
    """Sum over pairs of customers u, v with both products: w_u w_v / (alpha + products that u and v have in common).

    w_u = 1 / products of u ^ user_exponent (Yang et al., Large Scale Product Graph Construction for Recommendation in
    E-commerce: 0.5). The work per product grows with the square of its customers, of which at most `max_users`
    count, those of the smallest hash.
    """

    name = "swing"
    settings: SwingSettings

    def __init__(
        self,
        settings: SwingSettings | None = None,
        *,
        event_weights: Mapping[str, float] = EVENT_WEIGHTS,
        mask_seen: bool = True,
        **changed: Any,
    ) -> None:
        super().__init__(settings_of(SwingSettings, settings, changed), event_weights, mask_seen)

    def fit(self, data: Silver) -> Self:
        """Learns `lists_`: product_id, associated_product_ids, scores."""
        groups = self._groups(data.events).select("product_ids", F.xxhash64("user_id").alias("key"))
        rows_of = partial(
            swings,
            alpha=self.settings.alpha,
            user_exponent=self.settings.user_exponent,
            min_common=self.settings.min_common,
            max_users=self.settings.max_users,
        )
        self.lists_ = self._neighbour_lists(groups, rows_of, _scores)
        return self


def _scores(pairs: PairRows) -> Floats:
    """One score per pair, from its sum."""
    scores: Floats = pairs.sums / UNIT
    return scores
