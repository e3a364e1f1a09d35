"""Whether the intervals between purchases are regular: their quartiles, and a test against random intervals.

The null hypothesis is any process whose hazard of a purchase does not increase with the time since the last one: it
includes Poisson processes, bursts, mixtures of customers, and the censoring at today. Intervals are then products of
uniform variables and an independent factor (Khinchine 1938), and their logarithms are spread at least as widely as
those of uniform variables, whatever the factor (by Prekopa's inequality, as the spread is a convex function of them).
The p value is the probability that the logarithms of uniform variables are as close together as the observed ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammainc

Doubles = NDArray[np.float64]
Longs = NDArray[np.int64]
_MAX_POINTS = 32  # Points that equal intervals are spread over.
_MANY = 1000  # From this many intervals on, the moments of the spread are those of the limit.


@dataclass(frozen=True)
class Regularity:
    """Per product: quartiles of the days between purchases, and the p value of their regularity."""

    lower: Doubles
    median: Doubles
    upper: Doubles
    p_value: Doubles


def regularity(starts: Longs, days: Longs, counts: Longs) -> Regularity:
    """The regularity of the purchases of many products.

    Equal intervals are spread evenly over the day in which they end, as days are too coarse to show a regularity of
    daily purchases. The spread is the sum of absolute deviations of the logarithms from their median.

    Args:
        starts: product r has entries starts[r] to starts[r + 1], at least one, in order of days.
        days: days between two purchases, 1 or more.
        counts: how often this interval occurred.
    """
    product = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    n_points = np.minimum(counts, _MAX_POINTS)
    entry = np.repeat(np.arange(len(days)), n_points)
    place = np.arange(len(entry)) - np.repeat(np.cumsum(n_points) - n_points, n_points)
    points = np.log(days[entry] - 1 + (place + 0.5) / n_points[entry])
    weights = (counts / n_points)[entry]
    n_products = len(starts) - 1
    n = np.bincount(product, weights=counts, minlength=n_products).astype(np.float64)
    middle = _quantile(points, weights, 0.5, n)
    spread = np.bincount(product[entry], weights * np.abs(points - middle[product[entry]]), n_products)
    mean, variance = _moments(n)
    p = np.where(n > 1, gammainc(mean**2 / variance, spread * mean / variance), 1.0)
    lower, median, upper = (_quantile(days, counts, share, n) for share in (0.25, 0.5, 0.75))
    return Regularity(lower, median, upper, p)


def _quantile(values: NDArray[np.generic], weights: NDArray[np.generic], share: float, n: Doubles) -> Doubles:
    """The quantile `share` of each product, whose weights sum to `n` and whose values ascend."""
    passed = np.cumsum(weights)
    before = np.concatenate(([0.0], np.cumsum(n)))[:-1]
    known = values.astype(np.float64)
    # If the share ends exactly at a value: half-way to the next one.
    low, high = (np.searchsorted(passed, before + share * n + shift, side="left") for shift in (-1e-6, 1e-6))
    last = len(values) - 1
    middle: Doubles = (known[np.minimum(low, last)] + known[np.minimum(high, last)]) / 2
    return middle


def _moments(n: Doubles) -> tuple[Doubles, Doubles]:
    """Mean and variance of the spread of the logarithms of n uniform variables."""
    known, limit = _known_moments(), np.array([np.log(2.0), 2 - 2 * np.log(2.0)])
    few = known[np.clip(n, 2, _MANY).astype(np.int64)]
    found = np.where((n > _MANY)[:, None], n[:, None] * limit, few)
    return found[:, 0], found[:, 1]


@cache
def _known_moments() -> Doubles:
    """Mean and variance for 0 to _MANY variables.

    Up to their sign, the logarithms are exponential: spacing j - 1 of n order statistics has mean 1 / (n + 1 - j)
    (Renyi 1953), and counts once for every variable on its outer side, seen from the median.
    """
    known = np.zeros((_MANY + 1, 2))
    for n in range(2, _MANY + 1):
        j = np.arange(2, n + 1)
        share = np.minimum(j - 1, n - j + 1) / (n - j + 1)
        known[n] = share.sum(), np.square(share).sum()
    return known
