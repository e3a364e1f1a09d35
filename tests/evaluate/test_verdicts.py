"""Verdicts and decisions: by hand, and by experiments in which nothing was changed."""

from __future__ import annotations

import math

import numpy as np
import pytest

from cartograph.evaluate.cuped import Difference
from cartograph.evaluate.entries import Counts
from cartograph.evaluate.experiment import Experiment
from cartograph.evaluate.verdicts import Judged, Levels, Look, decision, faults, judged

HALVES = {"control": 0.5, "new": 0.5}
TEST = Experiment("test", "control", HALVES, primary="revenue", guardrails={"returns": 0.1, "orders": 0.1}, effect=0.1)
LEVELS = Levels()


def difference(value: float, variance: float = 1e-4, control: float = 10.0) -> Difference:
    return Difference(1000, 1000, control + value, control, variance)


def verdict(metric: str, value: float, variance: float = 1e-4) -> str:
    return judged(metric, TEST, difference(value, variance), Look(), LEVELS).verdict


@pytest.mark.parametrize(
    ("metric", "value", "variance", "expected"),
    [
        ("revenue", 0.5, 1e-4, "better"),
        ("revenue", -0.5, 1e-4, "worse"),
        ("revenue", 0.0, 1e-4, "too_small"),  # a gain of 1 is ruled out
        ("revenue", 0.5, 1.0, "unclear"),
        ("orders", 0.5, 1e-4, "safe"),
        ("orders", -1.5, 1e-4, "harmed"),
        ("orders", -0.5, 1e-4, "safe"),
        ("orders", -0.5, 1.0, "unclear"),
        ("returns", 1.5, 1e-4, "harmed"),  # more of them is worse
        ("returns", -1.5, 1e-4, "safe"),
        ("views", 0.5, 1e-4, "better"),
    ],
)
def test_the_verdict_of_a_metric(metric: str, value: float, variance: float, expected: str) -> None:
    assert verdict(metric, value, variance) == expected


def decided(**values: float) -> tuple[str, list[str]]:
    """The decision when metrics differ by so much, 0 unless given, with little variance."""
    metrics = ("revenue", "orders", "returns")
    return decision([judged(each, TEST, difference(values.get(each, 0.0)), Look(), LEVELS) for each in metrics], [])


def test_what_is_better_and_harms_nothing_is_shipped() -> None:
    assert decided(revenue=0.5) == ("ship", ["revenue is better than in the control"])


def test_what_harms_is_stopped_however_good_it_is() -> None:
    assert decided(revenue=0.5, orders=-2.0, returns=2.0) == (
        "stop",
        ["orders is harmed", "returns is harmed", "revenue is better than in the control"],
    )


def test_what_brings_too_little_is_stopped() -> None:
    assert decided() == ("stop", ["revenue is not changed by as much as was looked for"])


def test_a_guardrail_that_is_not_known_to_be_safe_keeps_a_good_arm_waiting() -> None:
    found = [
        judged("revenue", TEST, difference(0.5), Look(), LEVELS),
        judged("orders", TEST, difference(0.0, variance=1.0), Look(), LEVELS),
    ]
    assert decision(found, []) == (
        "continue",
        ["revenue is better than in the control", "orders may be harmed still"],
    )


def test_nothing_is_decided_on_numbers_that_cannot_be_believed() -> None:
    found = [judged("revenue", TEST, difference(0.5), Look(), LEVELS)]
    broken = faults(TEST, Counts({"control": 600, "new": 400, "old": 5}, 20, 3), 1e-9, LEVELS)
    assert decision(found, broken) == (
        "invalid",
        [
            "arms do not hold the customers that their shares promise (p = 1e-09)",
            "there are exposures of arms that were not declared: old",
            "20 of 1,005 customers were shown several arms",  # 3 in a wrong arm are tolerated
        ],
    )


def test_an_arm_nobody_can_be_judged_in_yet_goes_on() -> None:
    assert decision([], []) == ("continue", ["too few customers whose window is over"])


def test_what_an_earlier_look_ruled_out_stays_ruled_out() -> None:
    earlier = judged("revenue", TEST, difference(0.5), Look(), LEVELS).always
    later = judged("revenue", TEST, difference(0.05, variance=0.5), earlier, LEVELS)
    assert later.verdict == "better"
    assert (later.always.p, later.always.low) == (earlier.p, earlier.low)
    assert Look.of(0.2, None, 3.0) == Look(0.2, -math.inf, 3.0)


def looked_at_daily(experiment: Experiment, n_days: int = 20) -> list[Judged]:
    """The last look at each arm, all of which are as the control: 100 new customers a day and arm."""
    draw = np.random.default_rng(int(experiment.name))
    looks: dict[str, Judged] = {}
    values = {name: draw.normal(10, 2, (n_days, 100)) for name in experiment.shares}
    for day in range(1, n_days + 1):
        control = values["control"][:day]
        for name in experiment.arms:
            arm = values[name][:day]
            variance = arm.var(ddof=1) / arm.size + control.var(ddof=1) / control.size
            found = Difference(arm.size, control.size, arm.mean(), control.mean(), variance)
            earlier = looks[name].always if name in looks else Look()
            looks[name] = judged("revenue", experiment, found, earlier, LEVELS)
    return list(looks.values())


@pytest.mark.parametrize("n_arms", [1, 3])
def test_of_experiments_that_change_nothing_at_most_the_level_is_called_better_or_worse(n_arms: int) -> None:
    shares = dict.fromkeys(["control", *(f"arm{n}" for n in range(n_arms))], 1 / (n_arms + 1))
    alarms = []
    for number in range(300):
        experiment = Experiment(f"{number}", "control", shares, effect=0.03)
        alarms.append(any(each.verdict in {"better", "worse"} for each in looked_at_daily(experiment)))
    assert np.mean(alarms) <= 0.05
