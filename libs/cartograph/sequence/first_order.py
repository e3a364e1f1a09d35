"""First-order Markov chain: what followed a product most often, the baseline that networks have to beat."""

from __future__ import annotations

from typing import Any, Self

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from cartograph.core.model import Model, NotFitted, Silver, best_k
from cartograph.core.search.neighbours import check_kept, lists_of, recommend_from_lists
from cartograph.core.settings import settings_of
from cartograph.core.views.histories import histories
from cartograph.sequence.settings import EVENTS, FirstOrderSettings, SequenceSettings


class FirstOrder(Model):
    """The share of times that product j came right after product i; only the last product of a history is looked at.

    Args:
        settings: of the model; keywords change single ones.
        event_types: events that count.
        mask_seen: never recommend what the customer has seen (`core.views.seen`).
    """

    name = "first_order"

    def __init__(
        self,
        settings: FirstOrderSettings | None = None,
        *,
        event_types: tuple[str, ...] = EVENTS,
        mask_seen: bool = True,
        **changed: Any,
    ) -> None:
        self.settings = settings_of(FirstOrderSettings, settings, changed)
        self.event_types = event_types
        self.mask_seen = mask_seen
        self.pairs_: DataFrame | None = None

    @classmethod
    def configured(cls, section: SequenceSettings, **changed: Any) -> Self:
        """The model as the section describes it."""
        return cls(section.first_order, event_types=section.event_types, **changed)

    def fit(self, data: Silver) -> Self:
        """Learns `pairs_`: product_id, associated_product_id, score, rank."""
        counting = data.events.where(F.col("event_type").isin(*self.event_types))
        ids = histories(counting, self.settings.max_length).select("product_ids").where("size(product_ids) > 1")
        steps = F.arrays_zip(
            F.slice("product_ids", F.lit(1), F.size("product_ids") - 1).alias("product_id"),
            F.slice("product_ids", F.lit(2), F.size("product_ids")).alias("associated_product_id"),
        )
        pairs = ids.select(F.explode(steps).alias("step")).select("step.*").toDF("product_id", "associated_product_id")
        counts = pairs.where("product_id <> associated_product_id").groupBy(*pairs.columns).agg(F.count("*").alias("n"))
        all_of = F.sum("n").over(Window.partitionBy("product_id"))
        scored = counts.select("product_id", "associated_product_id", (F.col("n") / all_of).alias("score"))
        self.pairs_ = best_k(
            scored, "product_id", "associated_product_id", self.settings.n_neighbours
        ).localCheckpoint()
        return self

    def associate(self, k: int) -> DataFrame:
        """The `k` products that followed most often: product_id, associated_product_id, score, rank.

        Raises:
            ValueError: fewer neighbours than `k` were kept.
        """
        if self.pairs_ is None:
            raise NotFitted(self)
        check_kept(k, self.settings.n_neighbours)
        return self.pairs_.where(F.col("rank") <= k)

    def recommend(self, users: DataFrame, k: int) -> DataFrame:
        """What followed the customer's last product most often: user_id, product_id, score, rank."""
        if self.pairs_ is None:
            raise NotFitted(self)
        return recommend_from_lists(lists_of(self.pairs_), users, k, 1, self.mask_seen)
