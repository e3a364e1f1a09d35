"""Section `rank` of the settings: from the models' candidates to the lists shown."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from cartograph.runtime.section import NotNegative, Positive, Section, Share


class DiversitySettings(Section):
    """rank.selection.Diversity, the vectors it takes, and the weights that are plotted."""

    method: Literal["none", "mmr", "dpp", "calibrated"]
    weight: Share
    depth: Positive
    category_level: Positive
    vectors: str
    curve: tuple[Share, ...]


class RuleSettings(Section):
    """rank.business_rules.BusinessRules."""

    min_stock: Positive | None
    min_margin: Annotated[float, Field(lt=1)] | None
    max_price_ratio: Annotated[float, Field(gt=0)] | None
    blocked_products: tuple[str, ...]
    blocked_categories: tuple[str, ...]
    blocked_brands: tuple[str, ...]
    category_quota: Positive | None
    category_level: Positive


class RankSettings(Section):
    """From the models' candidates to the lists shown."""

    k: Positive
    k_related: Positive
    constant: Annotated[float, Field(gt=0)]
    weights: dict[str, NotNegative]
    association_weights: dict[str, NotNegative]
    recent: Positive
    user_models: tuple[str, ...]
    diversity: DiversitySettings
    rules: RuleSettings
