"""Section `experiment` of the settings: what is tried on customers, and how sure one wants to be."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from cartograph.core.settings import Positive, Section

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

    horizon_days: Positive = Field(
        default=30, description="lists of as_of - horizon_days are held against what was shown since"
    )
    window_days: Positive = Field(default=1, description="interest so long after a list was shown is its merit")
    prior_strength: Annotated[float, Field(gt=0)] = Field(
        default=10.0, description="interest expected of a product before its own counts half in predicted rewards"
    )


class ExperimentSettings(Section):
    """Experiments on customers, and what their logs say of models that were not shown."""

    level: Chance = Field(
        default=0.05,
        description="share of experiments without an effect that may be called one, however often one looks",
    )
    power: Chance = Field(
        default=0.8, description="chance of finding the effect looked for, behind n_needed and detectable"
    )
    sample_ratio_level: Chance = Field(
        default=0.001, description="arms as uneven as chance makes them less often than this: the experiment is invalid"
    )
    min_users: Annotated[int, Field(ge=2)] = Field(
        default=100,
        description="customers that an arm and its control need before they are judged; also those whose lists must "
        "agree with a model's at least once before its off-policy values get an interval",
    )
    declared: dict[str, ExperimentDeclaration] = Field(
        default={},
        description="experiments by name, declared before they begin, each with all of these: new_ranker: control: "
        "fused the arm that the others are held against shares: {fused: 0.5, lightgcn: 0.5} of the arms "
        "salt: new_ranker_1 of the hash that deals customers; null: dealt elsewhere primary: revenue "
        "decides; or orders, units, converted, carts, views, returns guardrails: {returns: 0.02} must not "
        "be harmed by more than this share effect: 0.02 looked for, as a share of the control's mean "
        "window_days: 14 what a customer does so long after entering counts before_days: 28 … and so long "
        "before is known of them (CUPED) interleaved: false true: two arms in one list; then primary: "
        "preference",
    )
    off_policy: OffPolicySettings = Field(
        default=OffPolicySettings(),
        description="what a model's lists would have earned, from lists shown with known propensities",
    )
