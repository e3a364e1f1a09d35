"""Association rules as a model: what is bought with a product, and what follows from a customer's history."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.core.model import Model, NotFitted, Silver, best_k, recommend_from_associations
from cartograph.core.settings import settings_of
from cartograph.core.statistics.rule_measures import with_measures
from cartograph.rules.derivation import rules_from_itemsets
from cartograph.rules.inferred import inferred_pairs, title_vectors
from cartograph.rules.mining import mine
from cartograph.rules.settings import RulesModelSettings


class Rules(Model):
    """Rules with one product on either side, scored by one of `measures.MEASURES`.

    A product too rare to have rules gets those of the most similar products, with lower scores: see `inferred`.
    Products are similar by the `vectors` of the data or, without them, by the words of their titles.
    """

    name = "rules"
    artifact_tables = ("gold.inferred_rules",)

    def __init__(self, settings: RulesModelSettings | None = None, *, mask_seen: bool = True, **changed: Any) -> None:
        self.settings = settings_of(RulesModelSettings, settings, changed)
        self.mask_seen = mask_seen
        self.pairs_: DataFrame | None = None
        self.inferred_: DataFrame | None = None

    def fit(self, data: Silver) -> Self:
        """Learns `pairs_` (product_id, associated_product_id, score) and `inferred_`, the inferred ones among them."""
        settings = self.settings
        itemsets = mine(data.baskets, min_support=settings.min_support, engine=settings.engine, max_length=2)
        rules = with_measures(rules_from_itemsets(itemsets, settings.min_confidence))
        found = rules.where(F.col("lift") > settings.min_lift).select(
            F.col("antecedent")[0].alias("product_id"),
            F.col("consequent")[0].alias("associated_product_id"),
            F.col(settings.measure).alias("score"),
        ).localCheckpoint()  # fmt: skip
        self.pairs_, self.inferred_ = found, None
        if settings.rare_baskets:
            vectors = title_vectors(data.products) if data.vectors is None else data.vectors
            self.inferred_ = inferred_pairs(found, data.baskets, vectors, settings).localCheckpoint()
            self.pairs_ = found.unionByName(self.inferred_.select(*found.columns))
        return self

    def associate(self, k: int) -> DataFrame:
        """The `k` strongest rules from each product: product_id, associated_product_id, score, rank."""
        if self.pairs_ is None:
            raise NotFitted(self)
        return best_k(self.pairs_, "product_id", "associated_product_id", k)

    def recommend(self, users: DataFrame, k: int) -> DataFrame:
        """The `k` products that recent ones point to: user_id, product_id, score, rank."""
        if self.pairs_ is None:
            raise NotFitted(self)
        return recommend_from_associations(self.pairs_, users, k, self.settings.recent, self.mask_seen)

    def artifacts(self, users: DataFrame, lists: DataFrame) -> Mapping[str, DataFrame]:
        """Rows of gold.inferred_rules, where rules were inferred."""
        del users, lists
        return {} if self.inferred_ is None else {"gold.inferred_rules": self.inferred_}
