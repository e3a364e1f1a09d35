"""An experiment as it was declared before it began."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Experiment:
    """What was decided beforehand: arms, the metric that decides, what must not be harmed, and for how long to look.

    Attributes:
        name: as in gold.exposures.
        control: the arm that the others are held against.
        shares: of the arms, adding up to 1.
        salt: of the hash that deals customers, see `assignment`; None: they are dealt by somebody else.
        primary: the metric that decides; for lists that are interleaved it is `preference`.
        guardrails: metrics that must not be harmed, with the loss tolerated as a share of the control's mean.
        effect: the difference looked for, as a share of the control's mean: sets the power and the sequential test.
        window_days: what customers do so long after they entered counts; they count once it is over.
        before_days: what they did so long before is known of them.
        interleaved: lists of two arms are merged and shown to everyone (`interleaving`).
    """

    name: str
    control: str
    shares: Mapping[str, float]
    salt: str | None = None
    primary: str = "revenue"
    guardrails: Mapping[str, float] = field(default_factory=dict)
    effect: float = 0.02
    window_days: int = 14
    before_days: int = 28
    interleaved: bool = False

    @property
    def arms(self) -> list[str]:
        """The arms that are held against the control."""
        return [name for name in self.shares if name != self.control]
