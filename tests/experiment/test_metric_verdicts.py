"""Verdicts and decisions: by hand, and in simulated experiments without an effect."""

from __future__ import annotations

import math

import numpy as np
import pytest

from cartograph.experiment.arm_decisions import arm_decision, invalid_because
from cartograph.experiment.cuped import Difference, adjusted_difference
from cartograph.experiment.enrolments import EnrolmentCounts
from cartograph.experiment.looks import Look
from cartograph.experiment.metric_verdicts import MetricVerdict, metric_verdict
from cartograph.experiment.moments import Moments
from cartograph.experiment.sequential import always_valid_interval
from cartograph.experiment.settings import ExperimentDeclaration, ExperimentSettings
from tests.experiment.declarations import declaration

TEST = declaration(guardrails={"returns": 0.1, "orders": 0.1}, effect=0.1)
SETTINGS = ExperimentSettings()


def difference(value: float, variance: float = 1e-4, control: float = 10.0) -> Difference:
    return Difference(1000, 1000, control + value, control, variance)


def verdict(metric: str, value: float, variance: float = 1e-4) -> str:
    return metric_verdict(metric, TEST, difference(value, variance), Look(), SETTINGS).verdict


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
    """The decision when metrics differ by these amounts, 0 unless given, with little variance."""
    metrics = ("revenue", "orders", "returns")
    return arm_decision(
        [metric_verdict(each, TEST, difference(values.get(each, 0.0)), Look(), SETTINGS) for each in metrics], []
    )


def test_an_arm_that_is_better_and_harms_nothing_is_shipped() -> None:
    assert decided(revenue=0.5) == ("ship", ["revenue is better than in the control"])


def test_an_arm_that_harms_a_guardrail_is_stopped_however_good_it_is() -> None:
    assert decided(revenue=0.5, orders=-2.0, returns=2.0) == (
        "stop",
        ["orders is harmed", "returns is harmed", "revenue is better than in the control"],
    )


def test_an_arm_that_gains_too_little_is_stopped() -> None:
    assert decided() == ("stop", ["revenue is not changed by the declared effect"])


def test_an_arm_with_an_unclear_guardrail_continues() -> None:
    found = [
        metric_verdict("revenue", TEST, difference(0.5), Look(), SETTINGS),
        metric_verdict("orders", TEST, difference(0.0, variance=1.0), Look(), SETTINGS),
    ]
    assert arm_decision(found, []) == (
        "continue",
        ["revenue is better than in the control", "harm to orders is not ruled out yet"],
    )


def test_nothing_is_decided_on_an_invalid_experiment() -> None:
    found = [metric_verdict("revenue", TEST, difference(0.5), Look(), SETTINGS)]
    problems = invalid_because(TEST, EnrolmentCounts({"control": 600, "new": 400, "old": 5}, 20, 3), 1e-9, SETTINGS)
    assert arm_decision(found, problems) == (
        "invalid",
        [
            "the numbers of customers per arm do not match the declared shares (p = 1e-09)",
            "there are exposures of arms that were not declared: old",
            "20 of 1,005 customers were shown several arms",  # 3 in a wrong arm are tolerated
        ],
    )


def test_an_arm_without_verdicts_continues() -> None:
    assert arm_decision([], []) == ("continue", ["too few customers with a completed window"])


def test_what_an_earlier_look_ruled_out_stays_ruled_out() -> None:
    earlier = metric_verdict("revenue", TEST, difference(0.5), Look(), SETTINGS).always
    later = metric_verdict("revenue", TEST, difference(0.05, variance=0.5), earlier, SETTINGS)
    assert later.verdict == "better"
    assert (later.always.p, later.always.low) == (earlier.p, earlier.low)
    assert Look.of(0.2, None, 3.0) == Look(0.2, -math.inf, 3.0)


def binary(n: int, n_did: int) -> Moments:
    """An arm of `n` customers of whom `n_did` did it, and nobody before."""
    rate = n_did / n
    return Moments(n, rate, rate * (1 - rate) * n / (n - 1), 0.0, 0.0, 0.0)


def first_decisions(
    rate: float, per_day: dict[str, int], effect: float, n_days: int, control_rate: float = 0.03, n: int = 300
) -> list[str]:
    """What is decided first of `n` experiments that are looked at daily, of a metric that customers do or do not."""
    experiment = declaration(primary="converted", effect=effect)
    draw, found = np.random.default_rng(1), []
    rates = {"new": rate, "control": control_rate}
    did = {name: np.cumsum(draw.binomial(per_day[name], rates[name], (n, n_days)), axis=1) for name in rates}
    for number in range(n):
        look, decided = Look(), "continue"
        for day in range(n_days):
            arms = {name: binary(per_day[name] * (day + 1), did[name][number, day]) for name in rates}
            one = metric_verdict(
                "converted", experiment, adjusted_difference(arms["new"], arms["control"]), look, SETTINGS
            )
            look, decided = one.always, arm_decision([one], [])[0]
            if decided != "continue":
                break
        found.append("worse" if one.verdict == "worse" else decided)
    return found


def test_a_true_gain_on_few_customers_a_day_is_shipped_and_hardly_ever_stopped() -> None:
    # 40 customers a day, 3 % against 4.5 %: at first nobody has bought. A fifth were stopped on the first day.
    found = first_decisions(0.045, {"new": 20, "control": 20}, effect=0.5, n_days=250)
    assert found.count("stop") + found.count("worse") <= 0.025 * len(found)
    assert found.count("ship") >= 0.85 * len(found)


@pytest.mark.parametrize(("new", "control"), [(20, 20), (10, 190)])
def test_for_rare_events_the_false_positive_rate_is_at_most_the_level(new: int, control: int) -> None:
    found = first_decisions(0.03, {"new": new, "control": control}, effect=0.5, n_days=100)
    assert found.count("ship") + found.count("worse") <= 0.05 * len(found)


def test_very_few_customers_decide_nothing_and_leave_no_look() -> None:
    experiment = declaration(primary="converted", effect=0.5)
    low_minimum = ExperimentSettings(min_users=2)
    for arms in ((binary(2, 2), binary(3, 0)), (binary(200, 0), binary(200, 0)), (binary(20, 4), binary(20, 3))):
        found = metric_verdict("converted", experiment, adjusted_difference(*arms), Look(), SETTINGS)
        assert (found.verdict, found.always, found.p_value) == ("unclear", Look(), 1.0)
        assert (found.low, found.high, found.detectable) == (-math.inf, math.inf, math.inf)
    assert metric_verdict("converted", experiment, adjusted_difference(*arms), Look(), low_minimum).low > -1
    decided, reasons = arm_decision([found], [])
    assert decided == "continue"
    assert reasons[-1] == "no estimate for converted yet: 20 customers are fewer than 100"


def test_a_guardrail_without_any_events_is_not_known_to_be_safe() -> None:
    found = [
        metric_verdict("revenue", TEST, difference(0.5), Look(), SETTINGS),
        metric_verdict("returns", TEST, Difference(1000, 1000, 0.0, 0.0, 0.0), Look(), SETTINGS),
    ]
    assert arm_decision(found, []) == (
        "continue",
        [
            "revenue is better than in the control",
            "harm to returns is not ruled out yet",
            "no estimate for returns yet: the metric is the same for all customers",
        ],
    )


def test_the_tolerated_loss_accounts_for_the_uncertainty_of_the_control() -> None:
    # 9.6 of 10 where a loss of 1 is tolerated: 0.6 above the bar, with a variance of 4e-2 + (0.1**2 - 2 * 0.1) * 2e-2.
    found = Difference(1000, 1000, 9.6, 10.0, 4e-2, control_variance=2e-2)
    assert metric_verdict("orders", TEST, found, Look(), SETTINGS).verdict == "safe"
    assert always_valid_interval(0.6, 4e-2 - 0.19 * 2e-2, 1.0, 0.05)[0] > 0
    assert always_valid_interval(0.6, 4e-2, 1.0, 0.05)[0] < 0  # were the control's mean known


def test_looks_that_contradict_each_other_make_the_verdict_unclear() -> None:
    earlier = metric_verdict("revenue", TEST, difference(0.5), Look(), SETTINGS).always
    later = metric_verdict("revenue", TEST, difference(-0.5), earlier, SETTINGS)
    assert later.verdict == "unclear"
    assert arm_decision([later], [])[1][-1].endswith("looks contradict each other, so the effect has changed over time")


def test_one_of_twenty_customers_with_two_devices_does_not_make_an_experiment_invalid() -> None:
    assert invalid_because(TEST, EnrolmentCounts({"control": 10, "new": 10}, 1, 0), 1.0, SETTINGS) == []
    assert invalid_because(TEST, EnrolmentCounts({"control": 100, "new": 100}, 8, 0), 1.0, SETTINGS) != []


def looked_at_daily(experiment: ExperimentDeclaration, seed: int, n_days: int = 20) -> list[MetricVerdict]:
    """The last look at each arm, all of which are as the control: 100 new customers a day and arm."""
    draw = np.random.default_rng(seed)
    looks: dict[str, MetricVerdict] = {}
    values = {name: draw.normal(10, 2, (n_days, 100)) for name in experiment.shares}
    for day in range(1, n_days + 1):
        control = values["control"][:day]
        for name in experiment.treatments:
            arm = values[name][:day]
            variance = arm.var(ddof=1) / arm.size + control.var(ddof=1) / control.size
            found = Difference(arm.size, control.size, arm.mean(), control.mean(), variance)
            earlier = looks[name].always if name in looks else Look()
            looks[name] = metric_verdict("revenue", experiment, found, earlier, SETTINGS)
    return list(looks.values())


@pytest.mark.parametrize("n_arms", [1, 3])
def test_without_an_effect_at_most_the_level_is_called_better_or_worse(n_arms: int) -> None:
    shares = dict.fromkeys(["control", *(f"arm{n}" for n in range(n_arms))], 1 / (n_arms + 1))
    alarms = []
    for number in range(300):
        verdicts = looked_at_daily(declaration(shares=shares, effect=0.03), seed=number)
        alarms.append(any(each.verdict in {"better", "worse"} for each in verdicts))
    assert np.mean(alarms) <= 0.05
