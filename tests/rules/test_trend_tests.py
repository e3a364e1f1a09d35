"""Where nothing moves, tests say so in all but the share of cases allowed, however few or uneven the baskets are."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from cartograph.rules.trend_tests import Months, season_test, trend_test

SHOPS = {
    "one basket a month": [1] * 24,
    "one basket a month of a year": [1] * 12,
    "two baskets a month for three years": [2] * 36,
    "twenty baskets a month": [20] * 24,
    "a product that took off": [1] * 11 + [1000],
    "a product that grew": [int(1.3**month) + 1 for month in range(24)],
}
N_RULES = 4000


def sampled(baskets: list[int], probability: float) -> Months:
    """Rules with this many baskets a month, each holding with the same probability."""
    n_a = np.tile(np.array(baskets), (N_RULES, 1))
    n_ab = np.random.default_rng(4).binomial(n_a, probability)
    month = np.tile(24_000 + np.arange(len(baskets)), (N_RULES, 1))
    return Months(np.arange(0, n_a.size + 1, len(baskets)), month.ravel(), n_ab.ravel(), n_a.ravel())


def one_rule(month: list[int], n_ab: list[int], n_a: list[int]) -> Months:
    return Months(np.array([0, len(month)]), np.array(month), np.array(n_ab), np.array(n_a))


@pytest.mark.parametrize("probability", [0.02, 0.1, 0.5, 0.9])
@pytest.mark.parametrize("shop", SHOPS)
def test_of_rules_that_do_not_move_no_more_than_allowed_do(shop: str, probability: float) -> None:
    months = sampled(SHOPS[shop], probability)
    for p in (trend_test(months).p_value, season_test(months)[0]):
        for level in (0.05, 0.01, 0.001):
            assert (p <= level).mean() <= level + 3 * np.sqrt(level / N_RULES)


def test_a_trend_against_last_year_is_the_sign_test_of_months_that_differ() -> None:
    """One basket a month for two years: nine months held the second year alone, one the first, two were the same."""
    first, second = [0] * 9 + [1, 0, 1], [1] * 9 + [0, 0, 1]
    found = trend_test(one_rule(list(range(24)), first + second, [1] * 24))
    assert found.direction[0] > 0
    assert found.p_value[0] == pytest.approx(2 * 11 / 2**10, rel=0.3)  # nine or ten of ten, either way
    assert found.per_year[0] == pytest.approx((9 - 1) / 12)


def test_a_trend_is_as_likely_as_the_orders_of_months_in_which_it_is_as_strong() -> None:
    """Five months of one or two baskets, every way to assign three of the seven baskets counted."""
    n_a, n_ab = np.array([1, 2, 1, 1, 2]), np.array([0, 0, 0, 1, 2])
    at = np.repeat(np.arange(5), n_a)
    assigned = [held for held in product((0, 1), repeat=7) if sum(held) == 3]
    strength = np.array([at @ np.array(held) for held in assigned])
    exact = (strength >= np.arange(5) @ n_ab).mean()
    found = trend_test(one_rule([0, 1, 2, 3, 4], list(n_ab), list(n_a)))
    assert found.p_value[0] == pytest.approx(2 * exact, rel=0.5)


def test_one_early_basket_of_a_product_that_took_off_is_no_trend() -> None:
    """Of 1,011 baskets 5 hold the rule, one in the first month: 6 standard deviations off, yet 1 in 200."""
    found = trend_test(one_rule(list(range(12)), [1] + [0] * 10 + [4], [1] * 11 + [1000]))
    assert found.p_value[0] > 0.004  # the first basket of all: 5 / 1,011


def test_a_december_peak_is_a_season_and_not_a_trend() -> None:
    n_a, month = [30] * 36, list(range(24_000, 24_036))
    n_ab = [24 if one % 12 == 11 else 6 for one in month]
    p, peak = season_test(one_rule(month, n_ab, n_a))
    assert (p[0] < 1e-6, peak[0]) == (True, 12)
    assert trend_test(one_rule(month, n_ab, n_a)).p_value[0] == 1.0


def test_a_straight_rise_is_a_trend_and_no_season() -> None:
    month = list(range(24_000, 24_036))
    months = one_rule(month, list(range(36)), [40] * 36)
    assert trend_test(months).p_value[0] < 1e-6
    assert trend_test(months).per_year[0] == pytest.approx(12 / 40)
    assert season_test(months)[0][0] == 1.0


def test_rules_that_always_hold_never_hold_or_have_one_month_show_nothing() -> None:
    always, never = one_rule([1, 2, 3], [4, 4, 4], [4, 4, 4]), one_rule([1, 2], [0, 0], [4, 4])
    for months in (always, never, one_rule([7], [2], [4])):
        assert trend_test(months).p_value[0] == season_test(months)[0][0] == 1.0
    assert np.isnan(trend_test(one_rule([7], [2], [4])).per_year[0])
