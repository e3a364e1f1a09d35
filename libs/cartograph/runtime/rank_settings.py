"""Section `rank` of the settings: from the models' candidates to the lists shown."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from cartograph.runtime.section import AboveZero, NotNegative, Positive, Section, Share


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

    listed_only: bool
    min_stock: Positive | None
    min_margin: Annotated[float, Field(lt=1)] | None
    max_price_ratio: Annotated[float, Field(gt=0)] | None
    blocked_products: tuple[str, ...]
    blocked_categories: tuple[str, ...]
    blocked_brands: tuple[str, ...]
    category_quota: Positive | None
    category_level: Positive


class TreeSettings(Section):
    """rank.learned.Trees."""

    n_trees: Positive
    depth: Positive
    learning_rate: Annotated[float, Field(gt=0, le=1)]
    min_weight: NotNegative
    l2: NotNegative
    columns: Annotated[float, Field(gt=0, le=1)]
    rows: Annotated[float, Field(gt=0, le=1)]
    patience: Positive
    held_back: Annotated[float, Field(gt=0, lt=1)]
    judges: Annotated[float, Field(gt=0, lt=1)]
    max_customers: Positive
    seed: int

    @model_validator(mode="after")
    def _somebody_left_to_learn_from(self) -> Self:
        if self.held_back + self.judges >= 1:
            raise ValueError(f"held_back ({self.held_back:g}) and judges ({self.judges:g}) must sum to less than 1")
        return self


class FusionSettings(Section):
    """How many lists are made one, and the ranker that is learned for it."""

    method: Literal["auto", "learned", "calibrated", "rrf"]
    label_days: Positive
    n_parts: Positive
    trees: TreeSettings


class ExplorationSettings(Section):
    """rank.exploration.Exploration."""

    slots: Annotated[int, Field(ge=0)]
    new_days: Positive
    prior_hits: AboveZero
    prior_shown: AboveZero
    seed: int

    @model_validator(mode="after")
    def _more_shown_than_bought(self) -> Self:
        if self.prior_shown <= self.prior_hits:
            raise ValueError(f"prior_shown ({self.prior_shown:g}) must be more than prior_hits ({self.prior_hits:g})")
        return self


class RankSettings(Section):
    """From the models' candidates to the lists shown."""

    k: Positive
    k_related: Positive
    constant: Annotated[float, Field(gt=0)]
    weights: dict[str, NotNegative]
    association_weights: dict[str, NotNegative]
    recent: Positive
    user_models: tuple[str, ...]
    sequence_models: tuple[str, ...]
    fusion: FusionSettings
    exploration: ExplorationSettings
    diversity: DiversitySettings
    rules: RuleSettings

    @model_validator(mode="after")
    def _places_left_for_the_best(self) -> Self:
        if self.exploration.slots >= self.k:
            raise ValueError(f"exploration.slots ({self.exploration.slots}) must be less than k ({self.k})")
        return self
