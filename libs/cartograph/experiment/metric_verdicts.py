"""The verdict on one metric of one arm: better, worse, too_small or unclear; on a guardrail safe, harmed or unclear."""

from __future__ import annotations

from dataclasses import dataclass

from cartograph.core.statistics.guardrails import guardrail_state
from cartograph.core.statistics.metrics import LOWER_IS_BETTER, direction
from cartograph.experiment.cuped import Difference
from cartograph.experiment.looks import Look
from cartograph.experiment.power import detectable_effect, fixed_sample_interval, fixed_sample_p
from cartograph.experiment.sequential import always_valid_interval, always_valid_p
from cartograph.experiment.settings import ExperimentDeclaration, ExperimentSettings


@dataclass(frozen=True)
class MetricVerdict:
    """One metric of one arm.

    `unknown_because` says why the data does not allow a verdict yet; None if it does.
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
    unknown_because: str | None = None


def metric_verdict(
    metric: str,
    experiment: ExperimentDeclaration,
    found: Difference,
    earlier: Look,
    settings: ExperimentSettings,
    scale: float | None = None,
) -> MetricVerdict:
    """The verdict on a metric.

    It rests on the interval that is valid however often one looks: what earlier looks and this one leave of it. A look
    that adds nothing (too few customers, no variance) leaves it as it was. If looks contradict each other, the
    difference has changed over time, and the verdict is unclear.

    Args:
        metric: its name.
        experiment: the declaration.
        found: the arm compared with the control.
        earlier: what earlier days left.
        settings: levels of the tests; that of differences is divided by the number of arms (Bonferroni).
        scale: what `experiment.effect` is a share of; None: the control's mean.
    """
    level = settings.level / max(len(experiment.treatments), 1)
    size = abs(found.control_value) if scale is None else scale
    tau = experiment.effect * size
    unknown = _unknown_because(found, settings.min_users)
    variance = found.variance if unknown is None else 0.0  # Without variance, no test or interval is conclusive.
    p = always_valid_p(found.difference, variance, tau)
    look = earlier.narrowed(p, *always_valid_interval(found.difference, variance, tau, level))
    guardrails = {str(name): loss for name, loss in experiment.guardrails.items()}
    role = "primary" if metric == experiment.primary else "guardrail" if metric in guardrails else "other"
    share = -guardrails[metric] if role == "guardrail" else experiment.effect
    beyond = _gain_beyond(share, metric, found, variance, size, tau, level)
    gain = (-look.high, -look.low) if metric in LOWER_IS_BETTER else (look.low, look.high)
    return MetricVerdict(
        metric,
        role,
        found,
        look,
        *fixed_sample_interval(found.difference, variance, level),
        fixed_sample_p(found.difference, variance),
        detectable_effect(variance, level, settings.power),
        _verdict(role, gain, beyond),
        "its looks contradict each other, so the effect has changed over time" if look.low > look.high else unknown,
    )


def _unknown_because(found: Difference, min_users: int) -> str | None:
    """Why there is no estimate of a difference yet; None if there is one."""
    n_users = min(found.n_users, found.n_control_users)
    if n_users < min_users:
        return f"{n_users:,} customers are fewer than {min_users:,}"
    return "the metric is the same for all customers" if found.variance <= 0 else None


def _gain_beyond(
    share: float, metric: str, found: Difference, variance: float, size: float, tau: float, level: float
) -> tuple[float, float]:
    """The always valid interval of the gain beyond `share` of the control's mean.

    That mean is an estimate too, which the difference depends on: treating it as known stops one in thirteen arms that
    gain exactly what is looked for, instead of one in a hundred.
    """
    sign = direction(metric)
    more = (share**2 + 2 * sign * share) * found.control_variance
    gain = sign * found.difference - share * size
    return always_valid_interval(gain, max(variance + more, 0.0) if variance > 0 else 0.0, tau, level)


def _verdict(role: str, gain: tuple[float, float], beyond: tuple[float, float]) -> str:
    """In a word, from the interval of the gain, and of the gain beyond the tolerated loss or the effect looked for."""
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
