"""From the numbers of two arms to a verdict per metric and a decision per arm, with the reasons in words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from scipy.stats import binom

from cartograph.core.statistics.guardrails import guardrail_state
from cartograph.core.statistics.metrics import LOWER_IS_BETTER, direction
from cartograph.experiment import power
from cartograph.experiment.cuped import Difference
from cartograph.experiment.declared import Experiment
from cartograph.experiment.enrolments import Counts
from cartograph.experiment.sequential import always_valid_interval, always_valid_p


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
    """How sure one wants to be: of differences, of finding them, of the sample ratio; and when there is too little.

    An arm or a control of fewer than `min_users` customers is not judged: tests rest on means that are about normal.
    """

    level: float = 0.05
    power: float = 0.8
    sample_ratio_level: float = 0.001
    min_users: int = 100


@dataclass(frozen=True)
class Judged:
    """One metric of one arm.

    `untold` says why nothing can be told of it yet; None where something can.
    """

    metric: str
    role: str
    found: Difference
    always: Look
    low: float
    high: float
    p_value: float
    detectable: float
    verdict: str
    untold: str | None = None


def judged(
    metric: str, experiment: Experiment, found: Difference, earlier: Look, levels: Levels, scale: float | None = None
) -> Judged:
    """The verdict of one metric: better, worse, too_small or unclear; of a guardrail safe, harmed or unclear.

    It rests on the interval that is valid however often one looks: what earlier looks and this one leave of it. A look
    that tells nothing (too few customers, no variance) leaves it as it was. Where looks contradict each other, the
    difference has changed with time, and nothing is clear.

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
    untold = _untold(found, levels)
    variance = found.variance if untold is None else 0.0  # without any, every test and interval says nothing
    low, high = always_valid_interval(found.difference, variance, tau, level)
    p = always_valid_p(found.difference, variance, tau)
    look = Look(min(earlier.p, p), max(earlier.low, low), min(earlier.high, high))
    role = "primary" if metric == experiment.primary else "guardrail" if metric in experiment.guardrails else "other"
    share = -experiment.guardrails[metric] if role == "guardrail" else experiment.effect
    beyond = _gain_beyond(share, metric, found, variance, size, tau, level)
    gain = (-look.high, -look.low) if metric in LOWER_IS_BETTER else (look.low, look.high)
    return Judged(
        metric,
        role,
        found,
        look,
        *power.interval(found.difference, variance, level),
        power.p_value(found.difference, variance),
        power.detectable_effect(variance, level, levels.power),
        _verdict(role, gain, beyond),
        "looks contradict each other, so it has changed with time" if look.low > look.high else untold,
    )


def _untold(found: Difference, levels: Levels) -> str | None:
    """Why nothing can be told of a difference; None where something can."""
    n_users = min(found.n_users, found.n_control_users)
    if n_users < levels.min_users:
        return f"{n_users:,} customers are fewer than {levels.min_users:,}"
    return "all customers did the same" if found.variance <= 0 else None


def _gain_beyond(
    share: float, metric: str, found: Difference, variance: float, size: float, tau: float, level: float
) -> tuple[float, float]:
    """The always valid interval of what is gained beyond `share` of the control's mean.

    That mean is an estimate too, which the difference depends on: to take it for known stops one in thirteen arms that
    gain exactly what is looked for, instead of one in a hundred.
    """
    sign = direction(metric)
    more = (share**2 + 2 * sign * share) * found.control_variance
    gain = sign * found.difference - share * size
    return always_valid_interval(gain, max(variance + more, 0.0) if variance > 0 else 0.0, tau, level)


def _verdict(role: str, gain: tuple[float, float], beyond: tuple[float, float]) -> str:
    """In a word, from the interval of the gain, and of what it is beyond the loss tolerated or the gain looked for."""
    low, high = gain
    if low > high:
        return "unclear"
    if role == "guardrail":
        return guardrail_state(beyond[0], high, 0.0)
    if low > 0:
        return "better"
    if high < 0:
        return "worse"
    return "too_small" if beyond[1] < 0 else "unclear"


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
    guardrails = [each for each in metrics if each.role == "guardrail" and each.verdict == "unclear"]
    unproved = [f"{each.metric} may be harmed still" for each in guardrails]
    if primary.verdict == "better" and not unproved:
        return "ship", [said]
    untold = [f"nothing is known of {each.metric} yet: {each.untold}" for each in (primary, *guardrails) if each.untold]
    return "continue", [said, *unproved, *untold]


_WORDS = {
    "better": "better than in the control",
    "worse": "worse than in the control",
    "too_small": "not changed by as much as was looked for",
    "unclear": "not known to differ yet",
}


def faults(experiment: Experiment, seen: Counts, sample_ratio_p: float, levels: Levels) -> list[str]:
    """Why the numbers of an experiment cannot be believed; empty if they can.

    Customers who were seen in several arms, as people with two devices are, are tolerated up to 1 in 100; more must be
    no chance, as one of the first twenty customers is.
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
        if binom.sf(n - 1, n_all, _TOLERATED) < levels.level:
            found.append(f"{n:,} of {n_all:,} customers {what}")
    return found


_TOLERATED = 0.01


def finite(value: float) -> float | None:
    """The number, or null for a bound that is not there yet."""
    return value if math.isfinite(value) else None
