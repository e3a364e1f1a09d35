"""The decision about an arm, from the verdicts on its metrics: invalid, stop, ship or continue, with reasons."""

from __future__ import annotations

from collections.abc import Sequence

from scipy.stats import binom

from cartograph.experiment.enrolments import EnrolmentCounts
from cartograph.experiment.metric_verdicts import MetricVerdict
from cartograph.experiment.settings import ExperimentDeclaration, ExperimentSettings

_WORDS = {
    "better": "better than in the control",
    "worse": "worse than in the control",
    "too_small": "not changed by the declared effect",
    "unclear": "not significantly different yet",
}
_TOLERATED = 0.01  # Share of customers who may be exposed to several arms, or to a wrong one.


def arm_decision(metrics: Sequence[MetricVerdict], invalid_because: Sequence[str]) -> tuple[str, list[str]]:
    """The decision about an arm (invalid, stop, ship or continue), and the reasons.

    Args:
        metrics: verdicts on the metrics of the arm.
        invalid_because: why the experiment is not valid; empty if it is.
    """
    if invalid_because:
        return "invalid", list(invalid_because)
    harmed = [f"{each.metric} is harmed" for each in metrics if each.verdict == "harmed"]
    primary = next((each for each in metrics if each.role == "primary"), None)
    if primary is None:
        return "continue", ["too few customers with a completed window"]
    finding = f"{primary.metric} is {_WORDS[primary.verdict]}"
    if harmed or primary.verdict in {"worse", "too_small"}:
        return "stop", [*harmed, *([finding] if primary.verdict != "unclear" else [])]
    guardrails = [each for each in metrics if each.role == "guardrail" and each.verdict == "unclear"]
    unproved = [f"harm to {each.metric} is not ruled out yet" for each in guardrails]
    if primary.verdict == "better" and not unproved:
        return "ship", [finding]
    unknown = [
        f"no estimate for {each.metric} yet: {each.unknown_because}"
        for each in (primary, *guardrails)
        if each.unknown_because
    ]
    return "continue", [finding, *unproved, *unknown]


def invalid_because(
    experiment: ExperimentDeclaration, counts: EnrolmentCounts, sample_ratio_p: float, settings: ExperimentSettings
) -> list[str]:
    """Why an experiment is not valid; empty if it is.

    Customers who were exposed to several arms, such as people with two devices, are tolerated up to 1 in 100; a
    larger share must be significant, which one of the first twenty customers is not.
    """
    found = []
    if sample_ratio_p < settings.sample_ratio_level:
        found.append(f"the numbers of customers per arm do not match the declared shares (p = {sample_ratio_p:.2g})")
    unknown = sorted(set(counts.n_users) - set(experiment.shares))
    if unknown:
        found.append(f"there are exposures of arms that were not declared: {', '.join(unknown)}")
    n_all = sum(counts.n_users.values())
    for n, what in (
        (counts.n_crossed, "were shown several arms"),
        (counts.n_misplaced, "are not in the arm that the salt assigns"),
    ):
        if binom.sf(n - 1, n_all, _TOLERATED) < settings.level:
            found.append(f"{n:,} of {n_all:,} customers {what}")
    return found
