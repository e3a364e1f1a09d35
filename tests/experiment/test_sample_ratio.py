"""Arms that lost customers are noticed, others are not."""

from __future__ import annotations

import numpy as np
import pytest

from cartograph.experiment.sample_ratio import sample_ratio_p

HALVES = {"control": 0.5, "new": 0.5}


def test_a_published_case_is_reported() -> None:
    # 821,588 against 815,482 customers of an even split: Kohavi, Tang and Xu 2020, ch. 21.
    assert sample_ratio_p({"control": 821_588, "new": 815_482}, HALVES) == pytest.approx(1.8e-6, rel=0.02)


def test_arms_that_match_their_shares_are_not_reported() -> None:
    assert sample_ratio_p({"a": 700, "b": 200, "c": 100}, {"a": 0.7, "b": 0.2, "c": 0.1}) == pytest.approx(1)
    assert sample_ratio_p({}, HALVES) == 1.0


def test_an_arm_without_customers_counts() -> None:
    assert sample_ratio_p({"control": 40}, HALVES) < 1e-8


def test_the_false_positive_rate_is_the_level() -> None:
    sampled = np.random.default_rng(0).binomial(5000, 0.5, 2000)
    alarms = [sample_ratio_p({"control": int(n), "new": 5000 - int(n)}, HALVES) <= 0.05 for n in sampled]
    assert np.mean(alarms) == pytest.approx(0.05, abs=0.012)


def test_few_customers_are_weak_evidence() -> None:
    # Two of twenty in an arm of one in a hundred: twice 1 - .99**20 - 20 * .01 * .99**19, where chi-squared says 5e-5.
    rare = {"control": 0.99, "new": 0.01}
    assert sample_ratio_p({"control": 18, "new": 2}, rare) == pytest.approx(2 * (1 - 0.99**20 - 0.2 * 0.99**19))
    assert sample_ratio_p({"control": 3}, HALVES) == pytest.approx(0.25)
    thirds = {"a": 1 / 3, "b": 1 / 3, "c": 1 / 3}
    assert sample_ratio_p({"a": 6}, thirds) == pytest.approx(3 * 2 * (1 / 3) ** 6)


def test_undeclared_arms_are_named() -> None:
    with pytest.raises(ValueError, match="not declared: old; the arms are control, new"):
        sample_ratio_p({"control": 3, "old": 2}, HALVES)
