"""What item-to-item models share: customers' products as groups, neighbour lists as what is learned."""

from __future__ import annotations

from collections.abc import Mapping

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.core.model import Model, NotFitted
from cartograph.core.search.neighbours import associations_of, check_kept, recommend_from_lists
from cartograph.core.views.interactions import EVENT_WEIGHTS, interactions


class ItemToItem(Model):
    """A model that learns `lists_`: product_id, associated_product_ids, scores (best first), and answers from them.

    Args:
        n_neighbours: neighbours kept per product.
        newest: products of a customer that count, those touched last: work grows with its square.
        recent: products of a history that `recommend` starts from, the last ones.
        event_weights: what an event of each type weighs; a pair counts when its weights add up to more than nothing.
        mask_seen: never recommend what the customer has seen (`core.views.seen`).
    """

    history_decay: float = 1.0  # what a product of the history counts, compared with the one after it

    def __init__(
        self,
        *,
        n_neighbours: int = 100,
        newest: int = 500,
        recent: int = 50,
        event_weights: Mapping[str, float] = EVENT_WEIGHTS,
        mask_seen: bool = True,
    ) -> None:
        self.n_neighbours = n_neighbours
        self.newest = newest
        self.recent = recent
        self.event_weights = event_weights
        self.mask_seen = mask_seen
        self.lists_: DataFrame | None = None

    def associate(self, k: int) -> DataFrame:
        """The `k` nearest products of each product: product_id, associated_product_id, score, rank.

        Raises:
            ValueError: fewer neighbours than `k` were kept.
        """
        if self.lists_ is None:
            raise NotFitted(self)
        check_kept(k, self.n_neighbours)
        return associations_of(self.lists_, k)

    def recommend(self, users: DataFrame, k: int) -> DataFrame:
        """The `k` products nearest to each customer's recent ones: user_id, product_id, score, rank."""
        if self.lists_ is None:
            raise NotFitted(self)
        return recommend_from_lists(self.lists_, users, k, self.recent, self.mask_seen, self.history_decay)

    def _groups(self, events: DataFrame) -> DataFrame:
        """One row per customer: user_id, product_ids (the `newest`, each once, in no particular order)."""
        touched = interactions(events, self.event_weights, self.newest).where("weight > 0")
        return touched.groupBy("user_id").agg(F.collect_list("product_id").alias("product_ids"))
