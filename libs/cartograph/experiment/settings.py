"""Section `experiment` of the settings: what is tried on customers, and the error rates of its tests."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from cartograph.core.settings import AboveZero, NotNegative, Positive, Section

Metric = Literal["revenue", "orders", "units", "converted", "carts", "views", "returns"]

Probability = Annotated[float, Field(gt=0, lt=1)]


class ExperimentDeclaration(Section):
    """The declaration of an experiment, made before it begins; every key must be given."""

    control: str = Field(description="the arm that the others are compared with")
    shares: dict[str, Annotated[float, Field(gt=0, le=1)]] = Field(
        description="share of the customers per arm, such as {fused: 0.5, lightgcn: 0.5}"
    )
    salt: str | None = Field(
        description="salt of the hash that assigns customers to arms; null if they are assigned elsewhere"
    )
    primary: Metric | Literal["preference"] = Field(
        description="metric that decides: revenue, orders, units, converted, carts, views, returns, or preference if "
        "lists are interleaved"
    )
    guardrails: dict[Metric, NotNegative] = Field(
        description="metrics that must not be harmed, with the tolerated loss as a share of the control's mean"
    )
    effect: AboveZero = Field(
        description="the effect looked for, as a share of the control's mean: sets the power and the sequential test"
    )
    window_days: Positive = Field(
        description="days after entering during which a customer's events count; customers count once they are over"
    )
    before_days: Positive = Field(description="days before entering whose events serve as CUPED covariates")
    interleaved: bool = Field(description="true if the lists of two arms are merged and shown to everyone")

    @property
    def treatments(self) -> list[str]:
        """The arms that are compared with the control."""
        return [name for name in self.shares if name != self.control]

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.control not in self.shares:
            raise ValueError(f"control {self.control!r} is not one of the arms in shares: {', '.join(self.shares)}")
        if len(self.shares) < 2 or abs(sum(self.shares.values()) - 1) > 1e-6:
            raise ValueError(f"shares must name at least two arms and sum to 1, not {self.shares}")
        if self.interleaved != (self.primary == "preference"):
            raise ValueError(f"primary must be preference if, and only if, lists are interleaved, not {self.primary!r}")
        if self.interleaved and (len(self.shares) != 2 or self.guardrails):
            raise ValueError("interleaving needs exactly two arms and allows no guardrails")
        if self.primary in self.guardrails:
            raise ValueError(f"{self.primary} is the primary metric and cannot be a guardrail too")
        return self


class OffPolicySettings(Section):
    """What a model's lists would have earned, estimated from lists that were shown with known propensities."""

    horizon_days: Positive = Field(
        default=30, description="the lists of as_of - horizon_days are evaluated on the exposures since"
    )
    window_days: Positive = Field(
        default=1, description="days after an exposure during which interest counts as reward"
    )
    prior_strength: AboveZero = Field(
        default=10.0,
        description="expected rewards at which a product's own reward rate gets half the weight in the reward model",
    )


class ExperimentSettings(Section):
    """Experiments on customers, and what their logs say about models that were not shown."""

    level: Probability = Field(
        default=0.05, description="false positive rate of an experiment, however often its results are read"
    )
    power: Probability = Field(
        default=0.8, description="probability of finding the effect looked for, behind n_needed and detectable"
    )
    sample_ratio_level: Probability = Field(
        default=0.001,
        description="level of the sample ratio test: below this p-value the experiment is invalid",
    )
    min_users: Annotated[int, Field(ge=2)] = Field(
        default=100,
        description="minimum number of customers in an arm and in its control for a verdict; and of customers whose "
        "lists agree with a model's at least once, for a confidence interval of its off-policy values",
    )
    declared: dict[str, ExperimentDeclaration] = Field(
        default={},
        description="experiments by name, declared before they begin, each with all of these keys: "
        + "; ".join(f"{name} ({field.description})" for name, field in ExperimentDeclaration.model_fields.items()),
    )
    off_policy: OffPolicySettings = Field(
        default=OffPolicySettings(),
        description="what a model's lists would have earned, from lists shown with known propensities",
    )
