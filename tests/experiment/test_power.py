"""The calculator against simulated tests."""

from __future__ import annotations

import math

import numpy as np
import pytest

from cartograph.experiment.power import (
    customers_needed,
    detectable_effect,
    fixed_sample_interval,
    fixed_sample_p,
    power_of,
)


def simulated(effect: float, n_arm: int, n_control: int, spread: float, level: float) -> float:
    """Share of 20,000 tests of two means that find something."""
    variance = spread / n_arm + spread / n_control
    differences = np.random.default_rng(3).normal(effect, np.sqrt(variance), 20_000)
    return float(np.mean([fixed_sample_p(difference, variance) <= level for difference in differences]))


@pytest.mark.parametrize(("effect", "n_arm", "n_control"), [(0.0, 500, 500), (0.2, 500, 500), (0.2, 200, 1800)])
def test_power_and_false_positive_rate_are_as_computed(effect: float, n_arm: int, n_control: int) -> None:
    variance = 4 / n_arm + 4 / n_control
    assert simulated(effect, n_arm, n_control, 4.0, 0.05) == pytest.approx(power_of(effect, variance, 0.05), abs=0.01)
    assert power_of(0.0, variance, 0.05) == pytest.approx(0.05)


@pytest.mark.parametrize(("arm_share", "control_share"), [(0.5, 0.5), (0.1, 0.9), (0.2, 0.3)])
def test_customers_needed_give_the_requested_power(arm_share: float, control_share: float) -> None:
    n = customers_needed(0.2, 4.0, 0.05, 0.8, arm_share, control_share)
    n_arm = round(n * arm_share / (arm_share + control_share))
    assert simulated(0.2, n_arm, n - n_arm, 4.0, 0.05) == pytest.approx(0.8, abs=0.015)


def test_the_textbook_number_of_customers() -> None:
    assert customers_needed(0.5, 1.0, 0.05, 0.8) == 126  # Cohen's d = 0.5 by the normal distribution: 63 an arm


def test_the_detectable_effect_is_found_with_the_requested_power() -> None:
    assert power_of(detectable_effect(0.01, 0.05, 0.9), 0.01, 0.05) == pytest.approx(0.9, abs=1e-6)


def test_without_variance_nothing_is_known() -> None:
    assert (fixed_sample_p(0.0, 0.0), fixed_sample_p(0.3, 0.0)) == (1.0, 1.0)
    assert fixed_sample_interval(0.3, 0.0, 0.05) == (-math.inf, math.inf)
    assert detectable_effect(0.0, 0.05, 0.8) == math.inf


def test_the_interval_contains_what_the_test_does_not_reject() -> None:
    low, high = fixed_sample_interval(0.3, 0.01, 0.05)
    assert fixed_sample_p(0.3 - low, 0.01) == pytest.approx(0.05)
    assert (low + high) / 2 == pytest.approx(0.3)
