"""From the numbers of two arms to a verdict per metric and a decision per arm, with the reasons in words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from cartograph.core.metrics import LOWER_IS_BETTER
from cartograph.evaluate import power
from cartograph.evaluate.cuped import Difference
from cartograph.evaluate.entries import Counts
from cartograph.evaluate.experiment import Experiment
from cartograph.evaluate.guardrails import guardrail_state
from cartograph.evaluate.sequential import always_valid_interval, always_valid_p


@dataclass(frozen=True)
class Look:
    """What earlier looks left of the always valid p value and interval."""

    p: float = 1.0
    low: float = -math.inf
    high: float = math.inf

    @classmethod
    def of(cls, p: float, low: float | None, high: float | None) -> Self:
        """As it stands in a table, where a bound that is not there is null."""
        return cls(p, -math.inf if low is None else low, math.inf if high is None else high)


@dataclass(frozen=True)
class Levels:
    """How sure one wants to be: of differences, of finding them, of the sample ratio."""

    level: float = 0.05
    power: float = 0.8
    sample_ratio_level: float = 0.001


@dataclass(frozen=True)
class Judged:
    """One metric of one arm."""

    metric: str
    role: str
    found: Difference
    always: Look
    low: float
    high: float
    p_value: float
    detectable: float
    verdict: str


def judged(
    metric: str, experiment: Experiment, found: Difference, earlier: Look, levels: Levels, scale: float | None = None
) -> Judged:
    """The verdict of one metric: better, worse, too_small or unclear; of a guardrail safe, harmed or unclear.

    It rests on the interval that is valid however often one looks: what earlier looks and this one leave of it.

    Args:
        metric: its name.
        experiment: its declaration.
        found: the arm against the control.
        earlier: what earlier days left.
        levels: to judge at; that of differences is divided among the arms (Bonferroni).
        scale: what `experiment.effect` is a share of; the control's mean unless given.
    """
    level = levels.level / max(len(experiment.arms), 1)
    size = abs(found.control_value) if scale is None else scale
    tau = experiment.effect * size
    low, high = always_valid_interval(found.difference, found.variance, tau, level)
    look = Look(
        min(earlier.p, always_valid_p(found.difference, found.variance, tau)),
        max(earlier.low, low),
        min(earlier.high, high),
    )
    role = "primary" if metric == experiment.primary else "guardrail" if metric in experiment.guardrails else "other"
    gain = (-look.high, -look.low) if metric in LOWER_IS_BETTER else (look.low, look.high)
    if role == "guardrail":
        verdict: str = guardrail_state(*gain, experiment.guardrails[metric] * size)
    else:
        verdict = _direction(*gain, tau)
    return Judged(
        metric,
        role,
        found,
        look,
        *power.interval(found.difference, found.variance, level),
        power.p_value(found.difference, found.variance),
        power.detectable_effect(found.variance, level, levels.power),
        verdict,
    )


def _direction(low: float, high: float, effect: float) -> str:
    """Which side of zero the interval lies on; too_small once gains as large as `effect` are ruled out."""
    if low > 0:
        return "better"
    if high < 0:
        return "worse"
    return "too_small" if high < effect else "unclear"


def decision(metrics: Sequence[Judged], broken: Sequence[str]) -> tuple[str, list[str]]:
    """What to do with an arm, and why: invalid, stop, ship or continue.

    Args:
        metrics: of the arm.
        broken: why the experiment cannot be believed; empty if it can.
    """
    if broken:
        return "invalid", list(broken)
    harmed = [f"{each.metric} is harmed" for each in metrics if each.verdict == "harmed"]
    primary = next((each for each in metrics if each.role == "primary"), None)
    if primary is None:
        return "continue", ["too few customers whose window is over"]
    said = f"{primary.metric} is {_WORDS[primary.verdict]}"
    if harmed or primary.verdict in {"worse", "too_small"}:
        return "stop", [*harmed, *([said] if primary.verdict != "unclear" else [])]
    unproved = [f"{each.metric} may be harmed still" for each in metrics
                if each.role == "guardrail" and each.verdict == "unclear"]  # fmt: skip
    if primary.verdict == "better" and not unproved:
        return "ship", [said]
    return "continue", [said, *unproved]


_WORDS = {
    "better": "better than in the control",
    "worse": "worse than in the control",
    "too_small": "not changed by as much as was looked for",
    "unclear": "not known to differ yet",
}


def faults(experiment: Experiment, seen: Counts, sample_ratio_p: float, levels: Levels) -> list[str]:
    """Why the numbers of an experiment cannot be believed; empty if they can.

    Customers who were seen in several arms, as people with two devices are, are tolerated up to 1 in 100.
    """
    found = []
    if sample_ratio_p < levels.sample_ratio_level:
        found.append(f"arms do not hold the customers that their shares promise (p = {sample_ratio_p:.2g})")
    unknown = sorted(set(seen.n_users) - set(experiment.shares))
    if unknown:
        found.append(f"there are exposures of arms that were not declared: {', '.join(unknown)}")
    n_all = sum(seen.n_users.values())
    for n, what in (
        (seen.n_crossed, "were shown several arms"),
        (seen.n_misplaced, "are not in the arm that the salt gives them"),
    ):
        if n > _TOLERATED * n_all:
            found.append(f"{n:,} of {n_all:,} customers {what}")
    return found


_TOLERATED = 0.01


def finite(value: float) -> float | None:
    """The number, or null for a bound that is not there yet."""
    return value if math.isfinite(value) else None
