"""Intervals are found as long as they are, however many of them are still open."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from cartograph.sequence.return_times import EVERYTHING_OPEN, Intervals, Prior, ReturnTime, fitted, prior_of


def bought(
    n_customers: int, typical: float, share: float, n_days: int, by_chance: float = 0.0, seed: int = 3
) -> Intervals:
    """Intervals of customers who begin on any of `n_days` days, known on the last one."""
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(n_customers):
        day, is_first = int(rng.integers(0, n_days)), True
        while True:
            u = rng.random()
            gap = max(round(typical * (u / (1 - u)) ** 0.2), 1)
            if rng.random() > share:  # comes back at random, if ever
                gap = int(rng.exponential(1 / by_chance)) + 1 if by_chance else n_days
            is_ended = day + gap < n_days
            rows.append((gap if is_ended else n_days - day, is_ended, is_first))
            if not is_ended:
                break
            day, is_first = day + gap, False
    days, ended, first = np.array(rows).T
    return Intervals(days.astype(float), np.ones(len(days)), ended.astype(bool), first.astype(bool))


WORLDS = [(90, 0.6, 180), (90, 1.0, 180), (30, 0.6, 730), (60, 0.3, 180)]


@pytest.mark.parametrize(("typical", "share", "n_days"), WORLDS)
def test_intervals_are_found_as_long_as_they_are(typical: float, share: float, n_days: int) -> None:
    intervals = bought(3000, typical, share, n_days)
    found = prior_of(intervals, 10.0).of_all
    assert np.exp(found.typical) == pytest.approx(typical, rel=0.04)
    assert found.scale == pytest.approx(0.2, rel=0.1)
    assert found.first_share == pytest.approx(share, rel=0.1)
    assert found.by_chance < 1e-4
    seen = np.exp(np.log(intervals.days[intervals.is_ended]).mean())
    assert seen < 0.95 * typical or n_days > 700  # what ended is too short: this is what the open ones put right


def likelihood(numbers: np.ndarray, intervals: Intervals) -> float:
    """The sum of log likelihoods, written out."""
    typical, scale, first, later = numbers[0], np.exp(numbers[1]), *(1 / (1 + np.exp(-numbers[2:4])))
    rate, days = np.exp(numbers[4]), intervals.days
    share = np.where(intervals.is_first, first, later)
    over = 1 / (1 + np.exp(-(np.log(days) - typical) / scale))
    ended = share * over * (1 - over) / scale / days + (1 - share) * rate * np.exp(-rate * days)
    still_open = share * (1 - over) + (1 - share) * np.exp(-rate * days)
    return float(intervals.counts @ np.log(np.where(intervals.is_ended, ended, still_open)))


def test_it_is_the_maximum_of_the_likelihood() -> None:
    intervals = bought(600, 50, 0.5, 365, by_chance=0.002, seed=8)
    found = prior_of(intervals, 10.0).of_all
    best = minimize(lambda numbers: -likelihood(numbers, intervals), [4.0, -1.5, 0.0, 0.0, -6.0], method="Nelder-Mead",
                    options={"xatol": 1e-6, "fatol": 1e-9, "maxiter": 6000})  # fmt: skip
    shares = np.log([found.first_share / (1 - found.first_share), found.later_share / (1 - found.later_share)])
    own = np.array([found.typical, np.log(found.scale), *shares, np.log(found.by_chance)])
    assert likelihood(own, intervals) == pytest.approx(-best.fun, abs=1e-2)
    assert own[:4] == pytest.approx(best.x[:4], abs=0.05)


def test_habitual_and_random_purchases_are_distinguished() -> None:
    found = prior_of(bought(4000, 30, 0.4, 730, by_chance=0.002), 10.0).of_all
    assert np.exp(found.typical) == pytest.approx(30, rel=0.05)
    assert found.by_chance == pytest.approx(0.002, rel=0.1)
    assert (found.first_share, found.later_share) == (pytest.approx(0.4, abs=0.03), pytest.approx(0.4, abs=0.03))


def test_counted_intervals_are_worth_as_much_as_single_ones() -> None:
    intervals = bought(300, 50, 0.5, 365)
    rows = np.column_stack([intervals.days, intervals.is_ended, intervals.is_first])
    kinds, counts = np.unique(rows, axis=0, return_counts=True)
    together = Intervals(kinds[:, 0], counts.astype(float), kinds[:, 1] == 1, kinds[:, 2] == 1)
    assert prior_of(together, 10.0).of_all == pytest.approx(prior_of(intervals, 10.0).of_all, rel=1e-3, abs=1e-5)


def test_a_product_of_few_intervals_is_like_all_and_one_of_many_like_itself() -> None:
    of_all = ReturnTime(np.log(90.0), 0.2, 0.5, 0.5, 0.0)
    few, many = bought(3, 30, 0.6, 365), bought(1500, 30, 0.6, 365)
    both = Intervals(*(np.concatenate(parts) for parts in zip(few, many, strict=True)))
    found = fitted(np.array([0, len(few.days), len(both.days)]), both, Prior(of_all, 10.0, 100.0))
    assert 50 < np.exp(found[0, 0]) < 90
    assert np.exp(found[1, 0]) == pytest.approx(30, rel=0.05)


def test_without_repeat_purchases_none_are_expected() -> None:
    open_alone = Intervals(np.array([5.0, 90.0]), np.ones(2), np.zeros(2, bool), np.ones(2, bool))
    assert prior_of(open_alone, 10.0) == Prior(EVERYTHING_OPEN, 10.0, 47.5)
    found = fitted(np.array([0, 2]), open_alone, prior_of(open_alone, 10.0))
    assert found[0, 2:].tolist() == [0.0, 0.0, 0.0]
