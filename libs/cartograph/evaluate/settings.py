"""Section `evaluate` of the settings."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from cartograph.core.settings import Count, NotNegative, Positive, Section, Share


class SliceSettings(Section):
    """Groups of products and of customers that the metrics are also computed for."""

    n_categories: Count = Field(
        default=5, description="number of categories, those with the most purchases in the history; 0: none"
    )
    category_level: Positive = Field(
        default=1, description="level of the category path, 1 the highest; calibration uses it too"
    )
    n_segments: Count = Field(
        default=5, description="number of customer segments, the largest, if silver.users has any; 0: none"
    )
    segment: Literal["region", "age_band"] = Field(
        default="region", description="column that defines a segment: region or age_band"
    )


class PromotionSettings(Section):
    """Conditions for a challenger to replace the champion."""

    champion: str = Field(default="fused", description="model whose lists are shown now")
    challengers: tuple[str, ...] = Field(default=(), description="models that may replace it; []: nothing is decided")
    metric: str = Field(default="ndcg", description="metric that decides; a mean over customers")
    k: Positive = Field(default=10, description="list length of that metric; one of evaluate.k")
    slice: str = Field(default="all", description="slice of customers or purchases that decides")
    level: Annotated[float, Field(gt=0, lt=1)] = Field(
        default=0.05,
        description="probability of promoting any challenger that is not better (Holm correction over challengers)",
    )
    min_gain: float = Field(default=0.0, description="the confidence interval of the gain must lie above this")
    min_users: Positive = Field(default=500, description="minimum number of customers in the slice to decide anything")
    guardrails: dict[str, NotNegative] = Field(
        default={"coverage": 0.1, "novelty": 0.05, "user_coverage": 0.01},
        description="metrics that must not get worse by more than this share of the champion's value",
    )
    registered_model: str | None = Field(
        default=None,
        description="model in MLflow's registry whose aliases champion and challenger follow the decision; null: none",
    )


class EvaluateSettings(Section):
    """Scoring earlier lists by what happened after them."""

    k: tuple[Positive, ...] = Field(default=(5, 10, 20), description="list lengths that the metrics are computed at")
    horizon_days: Positive = Field(
        default=30, description="the lists of as_of - horizon_days are scored by the purchases since"
    )
    head_share: Share = Field(
        default=0.2, description="the best sellers with this share of all purchases are the slice head_products"
    )
    tail_share: Share = Field(
        default=0.2, description="the slowest sellers with this share of all purchases are the slice tail_products"
    )
    slices: SliceSettings = Field(
        default=SliceSettings(), description="the largest categories and customer segments, as further slices"
    )
    compared: tuple[str, ...] = Field(
        default=("ndcg",),
        description="metrics for which each model is also compared with the best one (…_behind_best, …_behind_best_p)",
    )
    min_users: Positive = Field(
        default=100, description="a slice with fewer lists has no confidence intervals and no p-values"
    )
    n_buckets: Annotated[int, Field(ge=100)] = Field(
        default=1000, description="hash buckets of customers that the bootstrap resamples; 100 at least"
    )
    n_resamples: Annotated[int, Field(ge=100)] = Field(
        default=1000, description="resamples of the bootstrap behind the 95 % confidence intervals; 100 at least"
    )
    seed: int = Field(default=11, description="seed of the bootstrap: same seed, same intervals")
    promotion: PromotionSettings = Field(
        default=PromotionSettings(), description="which model's lists should be shown (gold.promotions)"
    )
