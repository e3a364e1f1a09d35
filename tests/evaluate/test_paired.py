"""Differences between models on the same customers, corrected for their number."""

from __future__ import annotations

import numpy as np
import pytest

from cartograph.core.statistics.metrics import direction
from cartograph.evaluate.paired import behind_best, holm, holm_levels, model_differences, two_sided_p


def test_holm_adjusts_step_by_step() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.6]) == pytest.approx([1.0, 1.0])
    # 0.01 against 0.06 / 3, then 0.03 against 0.06 / 2, then 0.04 against 0.06: all pass.
    assert holm_levels([0.01, 0.04, 0.03], 0.06) == pytest.approx([0.02, 0.06, 0.03])


def test_holm_stops_at_the_first_that_fails_and_all_after_it_fail_with_it() -> None:
    # 0.001 against 0.05 / 4 passes, 0.02 against 0.05 / 3 fails; 0.024 would be below 0.05 / 2, 0.045 below 0.05.
    assert holm_levels([0.024, 0.001, 0.045, 0.02], 0.05) == pytest.approx([0.05 / 3, 0.05 / 4, 0.05 / 3, 0.05 / 3])
    assert holm_levels([0.04, 0.045], 0.05) == pytest.approx([0.025, 0.025])
    assert holm([0.04, 0.045]) == pytest.approx([0.08, 0.08])


def test_an_interval_excludes_zero_only_if_the_adjusted_p_value_is_within_the_level() -> None:
    draw = np.random.default_rng(5)
    values = {"a": 1.92, "b": 1.9}  # in standard errors: p of about .055 and .057, each alone near .05
    for seed_shift in np.linspace(0.0, 0.25, 26):
        draws = {model: value + seed_shift + draw.normal(size=2000) for model, value in values.items()}
        found = model_differences(values, draws, 0.05)
        assert all(each.p_value <= 0.05 for each in found if each.low > 0.02)
    both = {model: value + 0.2 + draw.normal(size=4000) for model, value in values.items()}
    alone = {model: two_sided_p(both[model]) for model in values}
    assert all(0.025 < p < 0.05 for p in alone.values())
    assert all(each.low < 0 for each in model_differences(values, both, 0.05))  # the second was tested at 0.05


def test_p_values_are_for_a_difference_equal_to_the_threshold() -> None:
    draws = {"a": np.linspace(0.5, 1.5, 999)}
    assert model_differences({"a": 1.0}, draws, 0.05)[0].p_value == pytest.approx(2 / 1000)
    assert model_differences({"a": 1.0}, draws, 0.05, threshold=1.0)[0].p_value == pytest.approx(1.0)


def test_a_p_value_counts_the_resamples_beyond_zero_on_both_sides() -> None:
    assert two_sided_p(np.array([0.1] * 95 + [-0.1] * 4)) == pytest.approx(2 * 5 / 100)
    assert two_sided_p(np.array([0.1, np.nan, 0.2])) == pytest.approx(2 / 3)


def test_what_customers_have_in_common_cancels_out() -> None:
    draw = np.random.default_rng(1)
    shared = draw.normal(0.3, 0.1, 500)
    draws = {"als": shared, "bpr": shared - 0.01 + draw.normal(0, 0.001, 500)}
    [found] = behind_best({"als": 0.3, "bpr": 0.29}, draws)
    assert found.model == "bpr"
    assert found.value == pytest.approx(-0.01)
    assert -0.013 < found.low < -0.01 < found.high < -0.007
    assert found.p_value == pytest.approx(2 / 501)


def test_the_best_has_no_entry_and_ties_are_broken_by_name() -> None:
    draws = {name: np.array([0.1, 0.2]) for name in ("a", "b")}
    assert [each.model for each in behind_best({"b": 0.2, "a": 0.2}, draws)] == ["b"]
    assert behind_best({}, {}) == []


def test_where_less_is_better_the_lowest_model_is_the_best() -> None:
    draws = {"als": np.array([0.6, 0.8]), "bpr": np.array([0.1, 0.3])}
    [found] = behind_best({"als": 0.7, "bpr": 0.2}, draws, sign=direction("calibration"))
    assert (found.model, found.value) == ("als", pytest.approx(-0.5))
    assert found.high < 0
    [found] = behind_best({"als": 0.7, "bpr": 0.2}, draws, sign=direction("ndcg"))
    assert (found.model, found.value) == ("bpr", pytest.approx(-0.5))
