"""ALS: matrix factorisation by alternating least squares (Hu, Koren, Volinsky 2008)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import partial
from typing import Any, Self

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.cf.factorisation.factor_tables import factor_table
from cartograph.cf.factorisation.fold_in import fold_in
from cartograph.cf.factorisation.mllib_als import mllib_factors
from cartograph.cf.factorisation.native_als import native_factors
from cartograph.cf.factorisation.recommendation import recommend_from_vectors
from cartograph.cf.factorisation.side_information import with_prior
from cartograph.cf.settings import AlsSettings, CfSettings
from cartograph.core.event_types import EVENT_WEIGHTS
from cartograph.core.model import Model, NotFitted, Silver, associate_from_vectors
from cartograph.core.settings import settings_of
from cartograph.core.views.interactions import debiased, interactions, ratings
from cartograph.core.workers.groups import no_values


class Als(Model):
    """Implicit feedback: every product is a weak "no", every interaction a "yes" of confidence 1 + alpha * weight.

    Or explicit: products are rated, and ratings are predicted. Customers known from `fit` are scored by their learned
    factors, new ones by factors that are solved for exactly from their histories (fold-in); of the explicit model new
    customers get nothing, as a history does not say how they rate.

    Args:
        settings: of the model.
        event_weights: weight of an event of each type; types without one are ignored.
        mask_seen: never recommend what the customer has seen (`core.views.seen`).
        keep_factors: the factors are an artifact, rows of gold.factors.
    """

    name = "als"

    def __init__(
        self,
        settings: AlsSettings | None = None,
        *,
        event_weights: Mapping[str, float] = EVENT_WEIGHTS,
        mask_seen: bool = True,
        keep_factors: bool = True,
        **changed: Any,
    ) -> None:
        self.settings = settings_of(AlsSettings, settings, changed)
        self.event_weights = event_weights
        self.mask_seen = mask_seen
        self.artifact_tables = ("gold.factors",) if keep_factors else ()
        self.user_factors_: DataFrame | None = None
        self.item_factors_: DataFrame | None = None
        self.fitted_as_of_: date | None = None
        self.events_version_: int | None = None

    @classmethod
    def configured(cls, section: CfSettings, **changed: Any) -> Self:
        """The model as the section describes it; factors are kept for `refresh` unless it is switched off."""
        return super().configured(section, keep_factors=section.refresh.keep_factors, **changed)

    def fit(self, data: Silver) -> Self:
        """Learns `user_factors_` (user_id, vector) and `item_factors_` (product_id, vector).

        Raises:
            TooFewSlots: engine native, and fewer free cores than the group needs.
        """
        settings = self.settings
        weights = self.weights(data.events)
        if settings.engine == "mllib" or settings.checkpoint_every or settings.prior_strength:
            weights = weights.persist()  # else they are read once
        factors = mllib_factors if settings.engine == "mllib" else native_factors
        self.user_factors_, self.item_factors_ = factors(weights, settings)
        if settings.prior_strength:
            known = weights if settings.implicit else weights.withColumn("weight", F.lit(1.0))  # low ratings teach too
            self.item_factors_ = with_prior(self.item_factors_, known, data.products, settings.prior_strength)
            self.user_factors_ = self._refitted(weights, self.item_factors_)
        weights.unpersist()
        self.fitted_as_of_, self.events_version_ = data.as_of, data.events_version
        return self

    def weights(self, events: DataFrame) -> DataFrame:
        """The training data, one row per customer and product: user_id, product_id, weight."""
        if not self.settings.implicit:
            return ratings(events)
        weights = interactions(events, self.event_weights, half_life_days=self.settings.half_life_days)
        return debiased(weights, self.settings.debias) if self.settings.debias else weights

    def with_factors(self, user_factors: DataFrame, item_factors: DataFrame) -> Self:
        """The model as if it had been fitted to these factors: user_id, vector and product_id, vector."""
        self.user_factors_, self.item_factors_ = user_factors, item_factors
        return self

    def _refitted(self, weights: DataFrame, items: DataFrame) -> DataFrame:
        """Factors of customers (user_id, vector) that follow from those of products, which have changed since."""
        pair = F.struct("product_id", F.col("weight").cast("float").alias("weight"))
        pairs = weights.groupBy("user_id").agg(F.sort_array(F.collect_list(pair)).alias("pairs"))
        users = pairs.select(
            "user_id", F.col("pairs.product_id").alias("product_ids"), F.col("pairs.weight").alias("weights"),
            no_values("string").alias("mask"),
        )  # fmt: skip
        return fold_in(users, items, self.settings).drop("mask").localCheckpoint()

    def associate(self, k: int) -> DataFrame:
        """The `k` products of the nearest factors, by cosine: product_id, associated_product_id, score, rank."""
        if self.item_factors_ is None:
            raise NotFitted(self)
        return associate_from_vectors(self.item_factors_, k, self.settings.approximate_above)

    def recommend(self, users: DataFrame, k: int) -> DataFrame:
        """The `k` products of the largest factor products: user_id, product_id, score, rank."""
        if self.user_factors_ is None or self.item_factors_ is None:
            raise NotFitted(self)
        fold = partial(fold_in, item_factors=self.item_factors_, settings=self.settings)
        return recommend_from_vectors(
            users, self.user_factors_, self.item_factors_, k, self.mask_seen, self.settings.approximate_above,
            fold if self.settings.implicit else None,
        )  # fmt: skip

    def artifacts(self, users: DataFrame, lists: DataFrame) -> Mapping[str, DataFrame]:
        """The factors, as rows of gold.factors, straight from the executors that hold them."""
        del users, lists
        if self.user_factors_ is None or self.item_factors_ is None:
            raise NotFitted(self)
        rows = factor_table(self.user_factors_, self.item_factors_, self.fitted_as_of_, self.events_version_)
        return dict.fromkeys(self.artifact_tables, rows)
