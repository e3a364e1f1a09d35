"""Differences between models on the same customers, and what their number does to them."""

from __future__ import annotations

import numpy as np
import pytest

from cartograph.core.metrics import direction
from cartograph.evaluate.paired import behind_best, holm, holm_levels, two_sided_p


def test_holm_adjusts_step_by_step() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.6]) == pytest.approx([1.0, 1.0])
    assert holm_levels([0.01, 0.04, 0.03], 0.06) == pytest.approx([0.02, 0.06, 0.03])


def test_a_p_value_counts_the_resamplings_beyond_zero_on_both_sides() -> None:
    assert two_sided_p(np.array([0.1] * 95 + [-0.1] * 4)) == pytest.approx(2 * 5 / 100)
    assert two_sided_p(np.array([0.1, np.nan, 0.2])) == pytest.approx(2 / 3)


def test_what_customers_have_in_common_drops_out_of_a_difference() -> None:
    draw = np.random.default_rng(1)
    shared = draw.normal(0.3, 0.1, 500)
    draws = {"als": shared, "bpr": shared - 0.01 + draw.normal(0, 0.001, 500)}
    [found] = behind_best({"als": 0.3, "bpr": 0.29}, draws)
    assert found.model == "bpr"
    assert found.value == pytest.approx(-0.01)
    assert -0.013 < found.low < -0.01 < found.high < -0.007
    assert found.p_value == pytest.approx(2 / 501)


def test_the_best_has_no_distance_and_equals_are_told_by_name() -> None:
    draws = {name: np.array([0.1, 0.2]) for name in ("a", "b")}
    assert [each.model for each in behind_best({"b": 0.2, "a": 0.2}, draws)] == ["b"]
    assert behind_best({}, {}) == []


def test_where_less_is_better_the_lowest_model_is_the_best_and_the_others_lose_to_it() -> None:
    draws = {"als": np.array([0.6, 0.8]), "bpr": np.array([0.1, 0.3])}
    [found] = behind_best({"als": 0.7, "bpr": 0.2}, draws, sign=direction("calibration"))
    assert (found.model, found.value) == ("als", pytest.approx(-0.5))
    assert found.high < 0
    [found] = behind_best({"als": 0.7, "bpr": 0.2}, draws, sign=direction("ndcg"))
    assert (found.model, found.value) == ("bpr", pytest.approx(-0.5))
