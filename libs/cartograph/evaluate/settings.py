"""Section `evaluate` of the settings."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from cartograph.core.settings import NotNegative, Positive, Section, Share


class SliceSettings(Section):
    """evaluate.slices.largest."""

    n_categories: Annotated[int, Field(ge=0)] = Field(
        default=5, description="so many categories, by what was bought of them before; 0: none"
    )
    category_level: Positive = Field(
        default=1, description="of the category path, 1 the highest; calibration counts by it too"
    )
    n_segments: Annotated[int, Field(ge=0)] = Field(
        default=5, description="so many groups of customers, where silver.users tells of any; 0: none"
    )
    segment: Literal["region", "age_band"] = Field(
        default="region", description="what they are grouped by: region or age_band"
    )


class PromotionSettings(Section):
    """evaluate.promotion.Gate, and the names of the models that it decides on."""

    champion: str = Field(default="fused", description="whose lists are shown now")
    challengers: tuple[str, ...] = Field(
        default=(), description="models that may take its place; []: nothing is decided"
    )
    metric: str = Field(default="ndcg", description="decides; a mean over customers")
    k: Positive = Field(default=10, description="one of evaluate.k")
    slice: str = Field(default="all", description="of customers or purchases")
    level: Annotated[float, Field(gt=0, lt=1)] = Field(
        default=0.05,
        description="chance allowed that any challenger is promoted that is not better (Holm over challengers)",
    )
    min_gain: float = Field(default=0.0, description="the whole interval of the difference must lie above this")
    min_users: Positive = Field(default=500, description="customers in the slice without whom nothing is decided")
    guardrails: dict[str, NotNegative] = Field(
        default={"coverage": 0.1, "novelty": 0.05, "user_coverage": 0.01},
        description="metrics that may not fall by more than this share",
    )
    registered_model: str | None = Field(
        default=None,
        description="in MLflow's registry: whose aliases champion and challenger follow the decision; null: none",
    )


class EvaluateSettings(Section):
    """Scoring earlier lists against what happened after them."""

    k: tuple[Positive, ...] = Field(default=(5, 10, 20), description="list lengths the metrics are computed at")
    horizon_days: Positive = Field(
        default=30, description="the lists of as_of - horizon_days are scored by what was bought since"
    )
    head_share: Share = Field(
        default=0.2, description="best sellers that make up this share of purchases are the slice head_products"
    )
    tail_share: Share = Field(default=0.2, description="slowest sellers that make up this share are tail_products")
    slices: SliceSettings = Field(
        default=SliceSettings(), description="the largest parts of the shop, judged apart besides"
    )
    compared: tuple[str, ...] = Field(
        default=("ndcg",),
        description="metrics of which each model's distance from the best is told (…_behind_best, …_behind_best_p)",
    )
    min_users: Positive = Field(
        default=100,
        description="a slice of fewer lists has no intervals and no p values: so few tell too little of the others",
    )
    n_buckets: Annotated[int, Field(ge=100)] = Field(
        default=1000, description="customers are resampled in so many groups, formed by a hash; 100 at least"
    )
    n_resamples: Annotated[int, Field(ge=100)] = Field(
        default=1000, description="of the bootstrap behind the 95 % intervals; 100 at least"
    )
    seed: int = Field(default=11, description="same seed, same intervals")
    promotion: PromotionSettings = Field(
        default=PromotionSettings(), description="which model's lists should be shown (gold.promotions)"
    )
