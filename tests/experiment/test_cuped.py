"""CUPED removes what was known before from the difference, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from cartograph.experiment.cuped import adjusted_difference
from cartograph.experiment.moments import Moments
from cartograph.experiment.power import fixed_sample_p

CORRELATION = 0.8


def moments(before: np.ndarray, after: np.ndarray) -> Moments:
    return Moments(
        len(after), after.mean(), after.var(ddof=1), before.mean(), before.var(ddof=1), np.cov(before, after)[0, 1]
    )


def arms(draw: np.random.Generator, effect: float = 0.0, n: int = 400) -> tuple[Moments, Moments]:
    """Two arms whose metric correlates with its past, as large as 100 and spread like 10."""
    made = []
    for shift in (effect, 0.0):
        before = draw.normal(100, 10, n)
        noise = draw.normal(0, 10, n)
        after = 100 + CORRELATION * (before - 100) + np.sqrt(1 - CORRELATION**2) * noise + shift
        made.append(moments(before, after))
    return made[0], made[1]


@pytest.fixture(scope="module")
def repeated() -> list:
    draw = np.random.default_rng(1)
    return [adjusted_difference(*arms(draw)) for _ in range(1000)]


def test_variance_falls_by_the_square_of_the_correlation(repeated: list) -> None:
    assert np.mean([each.variance_left for each in repeated]) == pytest.approx(1 - CORRELATION**2, abs=0.01)


def test_the_estimated_variance_is_the_true_one(repeated: list) -> None:
    differences = np.array([each.difference for each in repeated])
    assert np.mean([each.variance for each in repeated]) == pytest.approx(differences.var(), rel=0.15)
    assert differences.mean() == pytest.approx(0, abs=3 * differences.std() / np.sqrt(len(differences)))


def test_the_false_positive_rate_is_the_level(repeated: list) -> None:
    share = np.mean([fixed_sample_p(each.difference, each.variance) <= 0.05 for each in repeated])
    assert 0.03 <= share <= 0.07


def test_an_effect_stays_what_it_is() -> None:
    draw = np.random.default_rng(2)
    found = [adjusted_difference(*arms(draw, effect=3.0)) for _ in range(300)]
    assert np.mean([each.difference for each in found]) == pytest.approx(3.0, abs=0.1)
    assert np.mean([each.control_value for each in found]) == pytest.approx(100, abs=0.2)


def test_customers_without_a_past_leave_plain_means() -> None:
    nothing = np.zeros(3)
    found = adjusted_difference(moments(nothing, np.array([1.0, 2, 6])), moments(nothing, np.array([0.0, 1, 2])))
    assert (found.value, found.control_value, found.variance_left) == (3.0, 1.0, 1.0)
    assert found.variance == pytest.approx(7 / 3 + 1 / 3)


def test_a_past_that_varies_by_rounding_only_is_no_past() -> None:
    same = Moments(100, 2.0, 1.0, 0.1, 1e-33, 1e-18), Moments(100, 1.0, 1.0, 0.1, 1e-33, -1e-18)
    found = adjusted_difference(*same)
    assert (found.value, found.control_value, found.variance_left) == (2.0, 1.0, 1.0)


def test_a_small_arm_in_which_nobody_did_anything_is_as_uncertain_as_its_size_implies() -> None:
    idle, busy = Moments(20, 0.0, 0.0, 0, 0, 0), Moments(380, 0.05, 0.0475, 0, 0, 0)
    unpooled = 0.0475 / 380
    pooled = 379 * 0.0475 / 398 * (1 / 20 + 1 / 380)
    found = adjusted_difference(idle, busy)
    assert found.variance == pytest.approx(pooled)
    assert found.variance > 10 * unpooled  # by which the arm would be worse by 4.5 standard errors
    assert found.control_variance == pytest.approx(unpooled)


def test_adjusting_is_a_regression_on_the_past_within_arms() -> None:
    draw = np.random.default_rng(4)
    before, arm = draw.normal(5, 2, 60), np.repeat([1.0, 0.0], [25, 35])
    after = before * 0.7 + arm + draw.normal(0, 1, 60)
    found = adjusted_difference(moments(before[:25], after[:25]), moments(before[25:], after[25:]))
    columns = np.column_stack([np.ones(60), arm, before])
    coefficients = np.linalg.lstsq(columns, after, rcond=None)[0]
    assert found.difference == pytest.approx(coefficients[1])
