"""Co-occurrence: what is bought in the same basket, or after one another by the same customer."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Self

from cartograph.cf.cooccurrence_scores import MEASURES, decayed_weights
from cartograph.cf.cooccurrence_sums import ordered_rows, weighted_groups
from cartograph.cf.item_to_item import ItemToItem
from cartograph.core.model import Silver
from cartograph.core.pairs.coded_groups import coded_groups
from cartograph.core.pairs.counts import catalogue_of, counted, neighbour_lists
from cartograph.core.views.interactions import EVENT_WEIGHTS


class Cooccurrence(ItemToItem):
    """Pairs of products in the same group, scored by one of four measures.

    A group is a customer's history (each product once, where it was touched last) or an order's basket.

    - `decayed`: sum of the pairs' weights over n_j^popularity_exponent, where n_j groups hold product j. A pair
      (i before j) weighs distance_decay^(steps between them) * 0.5^(age of j / half_life_days), times the event weights
      of both; the reverse pair (j, i) `backward` times as much. In baskets there is no before: every pair weighs both
      ways, and distance plays no part. Weights are summed in whole millionths, so sums of two periods add up exactly
      (`cooccurrence_sums`).
    - `confidence`: n_ij / n_i.
    - `expected`: how far n_ij exceeds what customers that buy as much would buy of j anyway, in standard deviations
      (Smith, Linden 2017, Two decades of recommender systems at Amazon.com).
    - `llr`: the log-likelihood ratio of i and j being independent (Dunning 1993); pairs rarer than chance: none.

    Args:
        source: histories or baskets.
        measure: decayed, confidence, expected or llr; the last three count groups without weight or order.
        n_neighbours: neighbours kept per product.
        min_count: groups that a pair must be in (confidence, expected, llr).
        distance_decay: what a pair counts for each further step between its products.
        backward: what a pair counts against the order of time; 0: directed, 1: undirected.
        half_life_days: a pair counts half for each such period that its later event lies before the newest; None: age
            plays no part.
        popularity_exponent: how much the popularity of the later product counts against it.
        newest: products of a group that count: of a history those touched last, of a basket the first by product_id.
        recent: products of a history that `recommend` starts from, the last ones.
        history_decay: what a product of the history counts there, compared with the one after it.
        event_weights: what an event of each type weighs; a product counts when its weights add up to more than nothing.
        mask_seen: never recommend what the customer has seen (`core.views.seen`).
    """

    name = "cooccurrence"

    def __init__(
        self,
        *,
        source: str = "histories",
        measure: str = "decayed",
        n_neighbours: int = 100,
        min_count: int = 1,
        distance_decay: float = 0.7,
        backward: float = 0.0,
        half_life_days: float | None = None,
        popularity_exponent: float = 0.0,
        newest: int = 200,
        recent: int = 20,
        history_decay: float = 0.5,
        event_weights: Mapping[str, float] = EVENT_WEIGHTS,
        mask_seen: bool = True,
    ) -> None:
        super().__init__(
            n_neighbours=n_neighbours, newest=newest, recent=recent, event_weights=event_weights, mask_seen=mask_seen
        )
        self.source = source
        self.measure = measure
        self.min_count = min_count
        self.distance_decay = distance_decay
        self.backward = backward
        self.half_life_days = half_life_days
        self.popularity_exponent = popularity_exponent
        self.history_decay = history_decay

    def fit(self, data: Silver) -> Self:
        """Learns `lists_`: product_id, associated_product_ids, scores.

        Raises:
            ValueError: no such source or measure.
        """
        if self.source not in ("histories", "baskets") or self.measure not in ("decayed", *MEASURES):
            raise ValueError(
                f"no co-occurrence of source {self.source!r} and measure {self.measure!r}: sources are histories and "
                f"baskets, measures decayed, {', '.join(MEASURES)}"
            )
        groups = weighted_groups(data, self.source, self.event_weights, self.newest, self.half_life_days)
        if self.measure == "decayed":
            rows_of = ordered_rows(self.source, self.newest, self.distance_decay, self.backward)
            score = partial(decayed_weights, popularity_exponent=self.popularity_exponent)
        else:
            groups = groups.select("product_ids")
            rows_of, score = counted, partial(MEASURES[self.measure], min_count=self.min_count)
        coded = coded_groups(groups)
        lists = neighbour_lists(coded, catalogue_of(coded), self.n_neighbours, rows_of, score)
        self.lists_ = lists.localCheckpoint()
        return self
