"""Swing: two customers who share two products and little else say more than two who share much (Yang et al. 2020)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Self

from pyspark.sql import functions as F

from cartograph.cf.item_to_item import ItemToItem
from cartograph.core.model import Silver
from cartograph.core.pairs.coded_groups import coded_groups
from cartograph.core.pairs.counts import PairRows, catalogue_of, neighbour_lists
from cartograph.core.pairs.kernels import Floats
from cartograph.core.pairs.swings import UNIT, swings
from cartograph.core.views.interactions import EVENT_WEIGHTS


class Swing(ItemToItem):
    """Sum over pairs of customers u, v with both products: w_u w_v / (alpha + products that u and v have in common).

    w_u = 1 / products of u ^ user_exponent (Yang et al., Large Scale Product Graph Construction for Recommendation in
    E-commerce: 0.5). The work per product grows with the square of its customers, of which at most `max_users`
    count, those of the smallest hash.

    Args:
        n_neighbours: neighbours kept per product.
        alpha: smooths the number in common.
        user_exponent: how much customers with many products count less.
        min_common: customers that a pair of products must have in common.
        max_users: customers of a product that count.
        newest: products of a customer that count, those touched last.
        recent: products of a history that `recommend` starts from, the last ones.
        event_weights: what an event of each type weighs; a pair counts when its weights add up to more than nothing.
        mask_seen: never recommend what the customer has seen (`core.views.seen`).
    """

    name = "swing"

    def __init__(
        self,
        *,
        n_neighbours: int = 100,
        alpha: float = 1.0,
        user_exponent: float = 0.5,
        min_common: int = 2,
        max_users: int = 500,
        newest: int = 200,
        recent: int = 50,
        event_weights: Mapping[str, float] = EVENT_WEIGHTS,
        mask_seen: bool = True,
    ) -> None:
        super().__init__(
            n_neighbours=n_neighbours, newest=newest, recent=recent, event_weights=event_weights, mask_seen=mask_seen
        )
        self.alpha = alpha
        self.user_exponent = user_exponent
        self.min_common = min_common
        self.max_users = max_users

    def fit(self, data: Silver) -> Self:
        """Learns `lists_`: product_id, associated_product_ids, scores."""
        keyed = self._groups(data.events).select("product_ids", F.xxhash64("user_id").alias("key"))
        groups = coded_groups(keyed)
        rows_of = partial(
            swings,
            alpha=self.alpha,
            user_exponent=self.user_exponent,
            min_common=self.min_common,
            max_users=self.max_users,
        )
        lists = neighbour_lists(groups, catalogue_of(groups), self.n_neighbours, rows_of, _scores)
        self.lists_ = lists.localCheckpoint()
        return self


def _scores(pairs: PairRows) -> Floats:
    """One score per pair, from its sum."""
    scores: Floats = pairs.sums / UNIT
    return scores
