"""Section `experiment` of the settings: what is tried on customers, and how sure one wants to be."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from cartograph.runtime.section import Positive, Section

Metric = Literal["revenue", "orders", "units", "converted", "carts", "views", "returns"]
Chance = Annotated[float, Field(gt=0, lt=1)]


class ExperimentDeclaration(Section):
    """evaluate.experiment.Experiment."""

    control: str
    shares: dict[str, Annotated[float, Field(gt=0, le=1)]]
    salt: str | None
    primary: Metric | Literal["preference"]
    guardrails: dict[Metric, Annotated[float, Field(ge=0)]]
    effect: Annotated[float, Field(gt=0)]
    window_days: Positive
    before_days: Positive
    interleaved: bool

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.control not in self.shares:
            raise ValueError(f"control {self.control!r} is none of the arms in shares: {', '.join(self.shares)}")
        if len(self.shares) < 2 or abs(sum(self.shares.values()) - 1) > 1e-6:
            raise ValueError(f"shares must name two or more arms and add up to 1, not {self.shares}")
        if self.interleaved != (self.primary == "preference"):
            raise ValueError(f"primary is preference if, and only if, lists are interleaved, not {self.primary!r}")
        if self.interleaved and (len(self.shares) != 2 or self.guardrails):
            raise ValueError("interleaved lists are of two arms, and have no guardrails")
        if self.primary in self.guardrails:
            raise ValueError(f"{self.primary} decides, so it cannot be a guardrail too")
        return self


class OffPolicySettings(Section):
    """evaluate.logged and evaluate.off_policy."""

    horizon_days: Positive
    window_days: Positive
    prior_strength: Annotated[float, Field(gt=0)]


class ExperimentSettings(Section):
    """Experiments on customers, and what their logs say of models that were not shown."""

    level: Chance
    power: Chance
    sample_ratio_level: Chance
    min_users: Annotated[int, Field(ge=2)]
    declared: dict[str, ExperimentDeclaration]
    off_policy: OffPolicySettings
