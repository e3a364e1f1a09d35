"""Co-occurrence: what is bought in the same basket, or after one another by the same customer."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Self

from cartograph.cf.item_to_item.cooccurrence_scores import MEASURES, decayed_weights
from cartograph.cf.item_to_item.cooccurrence_sums import ordered_rows, weighted_groups
from cartograph.cf.item_to_item.model import ItemToItem
from cartograph.cf.settings import CooccurrenceSettings
from cartograph.core.event_types import EVENT_WEIGHTS
from cartograph.core.model import Silver
from cartograph.core.pairs.counts import counted
from cartograph.core.settings import settings_of


class Cooccurrence(ItemToItem):
    """Pairs of products in the same group, scored by one of four measures.

    A group is a customer's history (each product once, where it was touched last) or an order's basket.

    - `decayed`: sum of the pairs' weights over n_j^popularity_exponent, where n_j groups hold product j. A pair
      (i before j) weighs distance_decay^(steps between them) * 0.5^(age of j / half_life_days), times the event weights
      of both; the reverse pair (j, i) `backward` times as much. In baskets there is no before: every pair weighs both
      ways, and distance is ignored. Weights are summed in integer millionths, so sums of two periods add up exactly
      (`cooccurrence_sums`).
    - `confidence`: n_ij / n_i.
    - `expected`: how far n_ij exceeds what customers who buy as much would buy of j anyway, in standard deviations
      (Smith, Linden 2017, Two decades of recommender systems at Amazon.com).
    - `llr`: the log-likelihood ratio of i and j being independent (Dunning 1993); none for pairs rarer than expected.
    """

    name = "cooccurrence"
    settings: CooccurrenceSettings

    def __init__(
        self,
        settings: CooccurrenceSettings | None = None,
        *,
        event_weights: Mapping[str, float] = EVENT_WEIGHTS,
        mask_seen: bool = True,
        **changed: Any,
    ) -> None:
        super().__init__(settings_of(CooccurrenceSettings, settings, changed), event_weights, mask_seen)

    @property
    def history_decay(self) -> float:
        """As the settings have it."""
        return self.settings.history_decay

    def fit(self, data: Silver) -> Self:
        """Learns `lists_`: product_id, associated_product_ids, scores."""
        settings = self.settings
        groups = weighted_groups(data, settings, self.event_weights)
        if settings.measure == "decayed":
            score = partial(decayed_weights, popularity_exponent=settings.popularity_exponent)
            self.lists_ = self._neighbour_lists(groups, ordered_rows(settings), score)
        else:
            score = partial(MEASURES[settings.measure], min_count=settings.min_count)
            self.lists_ = self._neighbour_lists(groups.select("product_ids"), counted, score)
        return self
