"""Sections `evaluate` and `audit` of the settings: how good lists are, and whether they knew too much."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from cartograph.runtime.section import NotNegative, Positive, Section, Share


class SliceSettings(Section):
    """evaluate.slices.largest."""

    n_categories: Annotated[int, Field(ge=0)]
    category_level: Positive
    n_segments: Annotated[int, Field(ge=0)]
    segment: Literal["region", "age_band"]


class PromotionSettings(Section):
    """evaluate.promotion.Gate, and the names of the models that it decides on."""

    champion: str
    challengers: tuple[str, ...]
    metric: str
    k: Positive
    slice: str
    level: Annotated[float, Field(gt=0, lt=1)]
    min_gain: float
    min_users: Positive
    guardrails: dict[str, NotNegative]
    registered_model: str | None


class EvaluateSettings(Section):
    """Scoring earlier lists against what happened after them."""

    k: tuple[Positive, ...]
    horizon_days: Positive
    head_share: Share
    tail_share: Share
    slices: SliceSettings
    compared: tuple[str, ...]
    min_users: Positive
    n_buckets: Annotated[int, Field(ge=100)]
    n_resamples: Annotated[int, Field(ge=100)]
    seed: int
    promotion: PromotionSettings


class AuditSettings(Section):
    """evaluate.audit."""

    tables: tuple[str, ...]
    told: tuple[str, ...]
    sample: Positive
