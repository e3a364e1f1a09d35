"""Tests of how often rules hold month by month, for many rules at once: functions of arrays of counts.

Both tests are conditional on how often a rule held in all: under the null hypothesis, the baskets in which it did are
sampled without replacement from those with its left side. Mean, variance and skewness are those of that sampling, and
tails are those of the gamma distribution with these moments (Pearson's type III): with few baskets, or with months of
1 and of 1,000 baskets, normal tails are orders of magnitude off.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincc, ndtr

from cartograph.rules.kernels import Longs

Doubles = NDArray[np.float64]
_STRATA = 12  # calendar months


@dataclass(frozen=True)
class Months:
    """Counts by rule and month: those of rule r are at `starts[r]` to `starts[r + 1]`, at least one, in order of month.

    `month` counts from year 0; `n_ab` of `n_a` baskets with the rule's left side hold its right side too.
    """

    starts: Longs
    month: Longs
    n_ab: Longs
    n_a: Longs

    @property
    def rule(self) -> Longs:
        """The rule of each entry."""
        return np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))


@dataclass(frozen=True)
class Trends:
    """Per rule: above zero where it rises; the two-sided p value; the change of its confidence in a year."""

    direction: Doubles
    p_value: Doubles
    per_year: Doubles


def trend_test(months: Months) -> Trends:
    """The Cochran-Armitage test for a trend in proportions (Armitage 1955), two-sided.

    From two years of baskets on, months are compared with the same month of other years only: the test is stratified by
    calendar month (Mantel 1963), so that a season is not taken for a trend. A stratum of n baskets has a
    variance with denominator n - 1, not n: at one basket a month for two years that doubles it.
    """
    rule, first, last = months.rule, months.starts[:-1], months.starts[1:] - 1
    has_years = months.month[last] - months.month[first] >= 2 * _STRATA - 1
    stratum = rule * _STRATA + np.where(has_years[rule], months.month % _STRATA, 0)
    n_strata = _STRATA * len(first)
    n, held = _sums(stratum, n_strata, months.n_a), _sums(stratum, n_strata, months.n_ab)
    with np.errstate(divide="ignore", invalid="ignore"):
        share, middle = held / n, _sums(stratum, n_strata, months.month * months.n_a) / n
    t = months.month - middle[stratum]
    moved = _sums(rule, len(first), t * (months.n_ab - months.n_a * share[stratum]))
    spread = _sums(rule, len(first), t * t * months.n_a)
    square, cube = (_sums(stratum, n_strata, t**power * months.n_a) for power in (2, 3))
    second, third = _sampled(n, held)
    p = _two_sided(moved, _by_rule(second * square), _by_rule(third * cube), _steps(months, stratum))
    with np.errstate(divide="ignore", invalid="ignore"):
        return Trends(moved, p, 12 * moved / np.where(spread > 0, spread, np.nan))


def season_test(months: Months) -> tuple[Doubles, Longs]:
    """Per rule the p value of its peak, and the calendar month (1 to 12) in which it is furthest above its trend.

    A month's statistic is the excess of its baskets over a straight line through all months (least squares);
    the p value is that of the least probable month, times the number of months tested.
    """
    rule, n_rules = months.rule, len(months.starts) - 1
    n, held = _sums(rule, n_rules, months.n_a), _sums(rule, n_rules, months.n_ab)
    t = months.month - (_sums(rule, n_rules, months.month * months.n_a) / n)[rule]
    t_held, square, cube = (
        _sums(rule, n_rules, t**power * counts)
        for power, counts in ((1, months.n_ab), (2, months.n_a), (3, months.n_a))
    )
    calendar = rule * _STRATA + months.month % _STRATA
    own, own_t, own_square = (_by_month(calendar, n_rules, t**power * months.n_a) for power in (0, 1, 2))
    # What a basket counts for a month's statistic: 1 in that month, less a line through these ones and zeros.
    level = own / n[:, None]
    slope = own_t / np.where(square > 0, square, 1.0)[:, None]
    excess = _by_month(calendar, n_rules, months.n_ab) - level * held[:, None] - slope * t_held[:, None]
    squares = own - own * level - own_t * slope
    of_line = level**3 * n[:, None] + 3 * level * slope**2 * square[:, None] + slope**3 * cube[:, None]
    in_month = own - 3 * (level * own + slope * own_t)
    cubes = in_month + 3 * (level**2 * own + 2 * level * slope * own_t + slope**2 * own_square) - of_line
    second, third = (factor[:, None] for factor in _sampled(n, held))
    tails = _tail(excess, second * np.maximum(squares, 0.0), third * cubes, np.ones(1))
    tails = np.where((own > 0) & (excess > 0), tails, 1.0)
    p = np.minimum(tails.min(axis=1) * (own > 0).sum(axis=1), 1.0)
    return p, tails.argmin(axis=1) + 1


def _sampled(n: Doubles, held: Doubles) -> tuple[Doubles, Doubles]:
    """What sums of squares and cubes over n baskets are multiplied by, where `held` of these are sampled at random."""
    both, pairs = held * (n - held), np.maximum(n * (n - 1), 1.0)
    return both / pairs, both * (n - 2 * held) / (pairs * np.maximum(n - 2, 1.0))


def _two_sided(moved: Doubles, second: Doubles, third: Doubles, step: Doubles) -> Doubles:
    """Twice the tail beyond `moved`."""
    side = np.sign(moved)
    return np.minimum(2 * _tail(np.abs(moved), second, side * third, step), 1.0)


def _tail(value: Doubles, second: Doubles, third: Doubles, step: Doubles) -> Doubles:
    """The probability of `value` or more under mean 0, these second and third moments, and steps of this size."""
    sd = np.sqrt(np.where(second > 0, second, 1.0))
    beyond = np.maximum(value - step / 2, 0.0) / sd
    skewness = third / sd**3
    shape = 4 / np.square(np.maximum(skewness, 1e-3))
    heavy = gammaincc(shape, shape + beyond * np.sqrt(shape))
    tail = np.where(skewness > 1e-3, np.maximum(heavy, ndtr(-beyond)), ndtr(-beyond))
    return np.where(second > 0, tail, 1.0)


def _steps(months: Months, stratum: Longs) -> Doubles:
    """Per rule the steps that the statistic moves in: the greatest common divisor of the months compared."""
    earliest = np.full(int(stratum.max(initial=-1)) + 1, np.iinfo(np.int64).max)
    np.minimum.at(earliest, stratum, months.month)
    return np.gcd.reduceat(months.month - earliest[stratum], months.starts[:-1]).astype(np.float64)


def _sums(group: Longs, n_groups: int, values: NDArray[np.generic]) -> Doubles:
    """The sum of the values of each group."""
    return np.bincount(group, weights=values.astype(np.float64), minlength=n_groups).astype(np.float64)


def _by_rule(of_strata: Doubles) -> Doubles:
    """The sums over the strata of each rule."""
    totals: Doubles = of_strata.reshape(-1, _STRATA).sum(axis=1)
    return totals


def _by_month(calendar: Longs, n_rules: int, values: NDArray[np.generic]) -> Doubles:
    """Rule x calendar month: the sums of the values."""
    return _sums(calendar, n_rules * _STRATA, values).reshape(n_rules, _STRATA)
