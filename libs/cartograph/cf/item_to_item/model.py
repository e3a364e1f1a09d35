"""What item-to-item models share: customers' products as groups, neighbour lists as what is learned."""

from __future__ import annotations

from collections.abc import Mapping

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.cf.settings import ItemToItemSettings
from cartograph.core.model import Model, NotFitted
from cartograph.core.pairs.coded_groups import coded_groups
from cartograph.core.pairs.counts import RowsOf, Score, catalogue_of, neighbour_lists
from cartograph.core.search.neighbours import associations_of, check_kept, recommend_from_lists
from cartograph.core.views.interactions import interactions


class ItemToItem(Model):
    """A model that learns `lists_`: product_id, associated_product_ids, scores (best first), and answers from them.

    Args:
        settings: of the model.
        event_weights: weight of an event of each type; a pair counts when its weights sum to more than 0.
        mask_seen: never recommend what the customer has seen (`core.views.seen`).
    """

    settings: ItemToItemSettings

    def __init__(self, settings: ItemToItemSettings, event_weights: Mapping[str, float], mask_seen: bool) -> None:
        self.settings = settings
        self.event_weights = event_weights
        self.mask_seen = mask_seen
        self.lists_: DataFrame | None = None

    @property
    def history_decay(self) -> float:
        """Weight of a product of the history relative to the one after it."""
        return 1.0

    def associate(self, k: int) -> DataFrame:
        """The `k` nearest products of each product: product_id, associated_product_id, score, rank.

        Raises:
            ValueError: fewer neighbours than `k` were kept.
        """
        if self.lists_ is None:
            raise NotFitted(self)
        check_kept(k, self.settings.n_neighbours)
        return associations_of(self.lists_, k)

    def recommend(self, users: DataFrame, k: int) -> DataFrame:
        """The `k` products nearest to each customer's recent ones: user_id, product_id, score, rank."""
        if self.lists_ is None:
            raise NotFitted(self)
        return recommend_from_lists(self.lists_, users, k, self.settings.recent, self.mask_seen, self.history_decay)

    def _groups(self, events: DataFrame) -> DataFrame:
        """One row per customer: user_id, product_ids (the `newest`, each once, in no particular order)."""
        touched = interactions(events, self.event_weights, self.settings.newest).where("weight > 0")
        return touched.groupBy("user_id").agg(F.collect_list("product_id").alias("product_ids"))

    def _neighbour_lists(self, groups: DataFrame, rows_of: RowsOf, score: Score) -> DataFrame:
        """The pairs of products in `groups`, counted and scored, as `lists_`."""
        coded = coded_groups(groups)
        lists = neighbour_lists(coded, catalogue_of(coded), self.settings.n_neighbours, rows_of, score)
        return lists.localCheckpoint()
