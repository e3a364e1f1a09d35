"""Association rules as a model: what is bought with a product, and what a customer's history points to."""

from __future__ import annotations

from typing import Self

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.core.model import Model, NotFitted, Silver, best_k, recommend_from_associations
from cartograph.core.statistics.rule_measures import MEASURES, with_measures
from cartograph.rules.inferred import inferred_pairs, title_vectors
from cartograph.rules.mining import mine
from cartograph.rules.rules import rules_from_itemsets


class Rules(Model):
    """Rules with one product on either side, scored by one of `measures.MEASURES`.

    A product too rare to have rules gets those of the products most like it, with less belief: see `inferred`.

    Args:
        min_support: share of the baskets that a pair must be in.
        min_confidence: share of the antecedent's baskets that must hold the consequent.
        min_lift: rules of a lower lift are no association at all.
        measure: what pairs are ranked by.
        engine: of `mining.mine`.
        recent: products of a history that `recommend` starts from, the last ones.
        mask_seen: never recommend what the customer has seen (`core.views.seen`).
        rare_baskets: products in fewer baskets, and without rules, get those of their neighbours; 0: none do.
        n_neighbours: how many neighbours are asked.
        min_similarity: the least cosine of a neighbour's vector.
        shrinkage: so many baskets of neighbours are believed half.
    """

    name = "rules"

    def __init__(
        self,
        *,
        min_support: float = 0.001,
        min_confidence: float = 0.05,
        min_lift: float = 1.0,
        measure: str = "confidence",
        engine: str = "auto",
        recent: int = 50,
        mask_seen: bool = True,
        rare_baskets: int = 0,
        n_neighbours: int = 5,
        min_similarity: float = 0.5,
        shrinkage: float = 20.0,
    ) -> None:
        self.min_support = min_support
        self.min_confidence = min_confidence
        self.min_lift = min_lift
        self.measure = measure
        self.engine = engine
        self.recent = recent
        self.mask_seen = mask_seen
        self.rare_baskets = rare_baskets
        self.n_neighbours = n_neighbours
        self.min_similarity = min_similarity
        self.shrinkage = shrinkage
        self.pairs_: DataFrame | None = None
        self.inferred_: DataFrame | None = None

    def fit(self, data: Silver, vectors: DataFrame | None = None) -> Self:
        """Learns `pairs_` (product_id, associated_product_id, score) and `inferred_`, those of them that are inferred.

        Args:
            vectors: product_id, vector: what likeness goes by; without them it goes by the words of titles.

        Raises:
            ValueError: `measure` is none of MEASURES.
        """
        if self.measure not in MEASURES:
            raise ValueError(f"no measure {self.measure!r}; the measures are {', '.join(MEASURES)}")
        itemsets = mine(data.baskets, self.min_support, self.engine, max_length=2)
        rules = with_measures(rules_from_itemsets(itemsets, self.min_confidence)).where(F.col("lift") > self.min_lift)
        found = rules.select(
            F.col("antecedent")[0].alias("product_id"),
            F.col("consequent")[0].alias("associated_product_id"),
            F.col(self.measure).alias("score"),
        ).localCheckpoint()
        self.pairs_ = found
        if self.rare_baskets:
            self.inferred_ = self._inferred(found, data, vectors)
            self.pairs_ = found.unionByName(self.inferred_.select(*found.columns))
        return self

    def _inferred(self, found: DataFrame, data: Silver, vectors: DataFrame | None) -> DataFrame:
        likeness = title_vectors(data.products) if vectors is None else vectors
        return inferred_pairs(
            found,
            data.baskets,
            likeness,
            rare_baskets=self.rare_baskets,
            n_neighbours=self.n_neighbours,
            min_similarity=self.min_similarity,
            shrinkage=self.shrinkage,
        ).localCheckpoint()

    def associate(self, k: int) -> DataFrame:
        """The `k` strongest rules from each product: product_id, associated_product_id, score, rank."""
        if self.pairs_ is None:
            raise NotFitted(self)
        return best_k(self.pairs_, "product_id", "associated_product_id", k)

    def recommend(self, users: DataFrame, k: int) -> DataFrame:
        """The `k` products that recent ones point to: user_id, product_id, score, rank."""
        if self.pairs_ is None:
            raise NotFitted(self)
        return recommend_from_associations(self.pairs_, users, k, self.recent, self.mask_seen)
