"""Whether days between purchases are alike: their quartiles, and how likely chance brings days as much alike.

Chance is any process in which a purchase becomes less likely day by day, or stays as likely, the longer one waits:
steady buyers, bursts, customers of all kinds, and the cut that today makes in what is known are of that kind. Days
between are then products of uniform numbers and something else (Khinchine 1938), and their logarithms are spread at
least as widely as those of uniform numbers, whatever that is (by Prekopa's inequality, as the spread is a convex
function of them). The test asks how likely uniform numbers have logarithms as close together as these.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammainc

Doubles = NDArray[np.float64]
Longs = NDArray[np.int64]
_FINEST = 32  # places that the purchases of one day are spread over
_MANY = 1000  # days between from which on the moments of the spread are those of the limit


@dataclass(frozen=True)
class Rhythms:
    """Per product: quartiles of the days between purchases, and the p value that chance has them as much alike."""

    lower: Doubles
    median: Doubles
    upper: Doubles
    p_value: Doubles


def rhythms(starts: Longs, days: Longs, counts: Longs) -> Rhythms:
    """The rhythms of many products.

    Purchases after the same number of days are spread evenly over the day that ends then: what is bought every day has
    no rhythm that days can show. The spread is the sum of absolute differences of logarithms from their median.

    Args:
        starts: product r has entries starts[r] to starts[r + 1], at least one, in order of days.
        days: between two purchases, from 1 on.
        counts: how often so many days were between two purchases.
    """
    product = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    n_points = np.minimum(counts, _FINEST)
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
    return Rhythms(lower, median, upper, p)


def _quantile(values: NDArray[np.generic], weights: NDArray[np.generic], share: float, n: Doubles) -> Doubles:
    """Per product, whose weights add up to `n`, the value below which `share` of them lie; its values ascend."""
    passed = np.cumsum(weights)
    before = np.concatenate(([0.0], np.cumsum(n)))[:-1]
    known = values.astype(np.float64)
    # Where the share ends exactly at a value, half of the way to the next one.
    low, high = (np.searchsorted(passed, before + share * n + shift, side="left") for shift in (-1e-6, 1e-6))
    last = len(values) - 1
    middle: Doubles = (known[np.minimum(low, last)] + known[np.minimum(high, last)]) / 2
    return middle


def _moments(n: Doubles) -> tuple[Doubles, Doubles]:
    """Mean and variance of the spread of the logarithms of n uniform numbers."""
    known, limit = _known_moments(), np.array([np.log(2.0), 2 - 2 * np.log(2.0)])
    few = known[np.clip(n, 2, _MANY).astype(np.int64)]
    found = np.where((n > _MANY)[:, None], n[:, None] * limit, few)
    return found[:, 0], found[:, 1]


@cache
def _known_moments() -> Doubles:
    """Mean and variance for 0 to _MANY numbers.

    But for their sign, these logarithms are exponential: gap j - 1 of n in order has mean 1 / (n + 1 - j) (Renyi 1953),
    and is counted for each number on its outer side, seen from the median.
    """
    known = np.zeros((_MANY + 1, 2))
    for n in range(2, _MANY + 1):
        j = np.arange(2, n + 1)
        share = np.minimum(j - 1, n - j + 1) / (n - j + 1)
        known[n] = share.sum(), np.square(share).sum()
    return known
