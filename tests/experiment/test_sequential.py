"""Reading results every day does not add false positives, and effects are still found."""

from __future__ import annotations

import math

import numpy as np
import pytest

from cartograph.experiment.power import fixed_sample_p
from cartograph.experiment.sequential import always_valid_interval, always_valid_p

LOOKS, PER_LOOK, TAU = 40, 50, 0.1


def experiments(effect: float, n: int = 1000) -> np.ndarray:
    """Differences of means of two arms of unit variance after each look, shape (n, LOOKS)."""
    draw = np.random.default_rng(5)
    steps = draw.normal(effect, math.sqrt(2 / PER_LOOK), (n, LOOKS))
    return np.cumsum(steps, axis=1) / np.arange(1, LOOKS + 1)


def variances() -> np.ndarray:
    return 2 / (PER_LOOK * np.arange(1, LOOKS + 1))


def found(effect: float, p_of) -> float:
    """Share of experiments that ever have a p value of 0.05 or less."""
    return float(np.mean([
        any(p_of(d, v) <= 0.05 for d, v in zip(row, variances(), strict=True)) for row in experiments(effect)
    ]))  # fmt: skip


def test_the_false_positive_rate_is_at_most_the_level_however_often_one_looks() -> None:
    assert found(0.0, lambda d, v: always_valid_p(d, v, TAU)) <= 0.05
    assert found(0.0, fixed_sample_p) > 0.25  # what reading a fixed-sample test every day does


def test_an_effect_of_the_size_looked_for_is_found() -> None:
    assert found(TAU, lambda d, v: always_valid_p(d, v, TAU)) > 0.6
    assert found(2 * TAU, lambda d, v: always_valid_p(d, v, TAU)) > 0.99


@pytest.mark.parametrize("difference", [0.0, 0.05, 0.11, -0.2])
@pytest.mark.parametrize("variance", [1e-4, 1e-3, 1e-2])
def test_the_interval_contains_zero_exactly_if_the_p_value_is_above_the_level(
    difference: float, variance: float
) -> None:
    p = always_valid_p(difference, variance, TAU)
    for level in (p * 0.99, min(p * 1.01, 0.999)):
        low, high = always_valid_interval(difference, variance, TAU, level)
        assert (low <= 0 <= high) == (p >= level)


@pytest.mark.parametrize(("variance", "tau"), [(0.1, 0.0), (0.0, 0.1), (0.0, 0.0)])
@pytest.mark.parametrize("difference", [0.0, 0.3])
def test_without_an_effect_size_or_without_variance_nothing_is_known(
    difference: float, variance: float, tau: float
) -> None:
    assert always_valid_p(difference, variance, tau) == 1.0
    assert always_valid_interval(difference, variance, tau, 0.05) == (-math.inf, math.inf)
