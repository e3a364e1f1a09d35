"""The time until customers buy a product again, and the share who do: fitted to intervals, many still open.

A share r of purchases is followed by another one of the same product by habit: the logarithm of the days until then is
logistic about a typical one, so F(t) = 1 / (1 + (t / typical) ** (-1 / scale)) of these intervals are over in t days.
The others may be followed at random, at a constant rate: 1 - exp(-c t) of them are (a mixture cure model, Berkson and
Gage 1952, with a second way to come back). After t days the share 1 - r F(t) - (1 - r) (1 - exp(-c t)) of all intervals
is open: the likelihood of each open one. Fitted to ended intervals alone, they would be too short.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
Longs = NDArray[np.int64]
_LEAST_SCALE = 0.05
_MOST_SHARE = 0.999
_QUANTILES = 16  # points that represent the intervals of all products
_MOST_STEPS = 500


class ReturnTime(NamedTuple):
    """The distribution of one product's intervals, or of all: `typical` is log days, `by_chance` a rate per day.

    The share of purchases repeated by habit is one of first purchases and one of later ones.
    """

    typical: float
    scale: float
    first_share: float
    later_share: float
    by_chance: float


class Intervals(NamedTuple):
    """Intervals between purchases, ended or open: lengths, how many of each, and whether after a first purchase."""

    days: Doubles
    counts: Doubles
    is_ended: NDArray[np.bool_]
    is_first: NDArray[np.bool_]


class Prior(NamedTuple):
    """The prior of a product: the distribution of all products, its weight in intervals, and their mean days."""

    of_all: ReturnTime
    n_intervals: float
    days: float


EVERYTHING_OPEN = ReturnTime(math.log(30.0), 0.5, 0.0, 0.0, 0.0)  # where nothing was ever bought again


def prior_of(intervals: Intervals, n_intervals: float) -> Prior:
    """The maximum likelihood estimate for the intervals of all products together, weighted as `n_intervals`."""
    ended = intervals.is_ended
    days = float(intervals.counts @ intervals.days / max(intervals.counts.sum(), 1.0))
    if not intervals.counts[ended].sum():
        return Prior(EVERYTHING_OPEN, n_intervals, days)
    typical = float(np.average(np.log(intervals.days[ended]), weights=intervals.counts[ended]))
    rate = float(intervals.counts[ended].sum() / (intervals.counts @ intervals.days))
    start = ReturnTime(typical, EVERYTHING_OPEN.scale, 0.5, 0.5, rate / 2)
    found = fitted(np.array([0, len(ended)]), intervals, Prior(start, 0.0, 0.0))
    return Prior(ReturnTime(*found[0].tolist()), n_intervals, days)


def fitted(starts: Longs, intervals: Intervals, prior: Prior) -> Doubles:
    """Product x the parameters of `ReturnTime`: maximum a posteriori estimates.

    Args:
        starts: product p has intervals starts[p] to starts[p + 1].
        prior: also the starting point.
    """
    at = (np.arange(_QUANTILES) + 0.5) / _QUANTILES
    expected = prior.of_all.typical + prior.of_all.scale * np.log(at / (1 - at))
    return _fit(
        starts, np.maximum(intervals.days, 0.5), intervals.counts, intervals.is_ended, intervals.is_first, expected,
        np.array(prior.of_all), prior.n_intervals, prior.days,
    )  # fmt: skip


@njit(cache=True)
def _fit(
    starts: Longs, days: Doubles, counts: Doubles, is_ended: NDArray[np.bool_], is_first: NDArray[np.bool_],
    expected: Doubles, start: Doubles, prior: float, prior_days: float,
) -> Doubles:  # fmt: skip
    """EM: the probability that each interval is one of habit; then shares, the random rate, a step of the fit."""
    found = np.empty((len(starts) - 1, 5))
    logs, usual_days = np.log(days), math.exp(start[0])
    for product in range(len(starts) - 1):
        first, last = starts[product], starts[product + 1]
        own, own_counts, ended = days[first:last], counts[first:last], is_ended[first:last]
        b = 1 / start[1]
        a, shares, rate = -start[0] * b, np.array([start[3], start[2]]), start[4]
        exposure = prior * (1 - shares.mean()) * prior_days
        for _ in range(_MOST_STEPS):
            sums, weights = _expected(own, own_counts, ended, is_first[first:last], a, b, shares, rate)
            before = np.array([a / b, b, shares[0], shares[1], rate * usual_days])
            for kind in range(2):
                share = (sums[kind] + prior * start[3 - kind]) / max(sums[2 + kind] + prior, 1e-9)
                shares[kind] = min(share, _MOST_SHARE)
            rate = (sums[4] + start[4] * exposure) / max(sums[5] + exposure, 1e-9)
            a, b = _climbed(logs[first:last], weights, ended, expected, prior, a, b)
            after = np.array([a / b, b, shares[0], shares[1], rate * usual_days])
            if np.abs(after - before).sum() < 1e-6:
                break
        found[product] = np.array([-a / b, 1 / b, shares[1], shares[0], rate])
    return found


@njit(cache=True)
def _expected(
    days: Doubles, counts: Doubles, is_ended: NDArray[np.bool_], is_first: NDArray[np.bool_], a: float, b: float,
    shares: Doubles, rate: float,
) -> tuple[Doubles, Doubles]:  # fmt: skip
    """Sums over intervals, and the expected number of habit in each.

    The sums: of habit after later and first purchases, all after these, ended at random, days of those not of habit.
    """
    sums, weights = np.zeros(6), np.empty(len(days))
    for i in range(len(days)):
        kind = 1 if is_first[i] else 0
        over = 1 / (1 + math.exp(-(a + b * math.log(days[i]))))
        habit, random = shares[kind] * (1 - over), (1 - shares[kind]) * math.exp(-rate * days[i])
        if is_ended[i]:
            habit, random = habit * over * b / days[i], random * rate
        weights[i] = counts[i] * habit / max(habit + random, 1e-300)
        sums[kind] += weights[i]
        sums[2 + kind] += counts[i]
        sums[4] += (counts[i] - weights[i]) * is_ended[i]
        sums[5] += (counts[i] - weights[i]) * days[i]
    return sums, weights


@njit(cache=True)
def _climbed(
    x: Doubles, weights: Doubles, is_ended: NDArray[np.bool_], expected: Doubles, prior: float, a: float, b: float
) -> tuple[float, float]:
    """A Newton step up the likelihood of a + b x, which is concave, halved until it climbs and b is in its bounds."""
    value, g, h = _slopes(x, weights, is_ended, expected, prior, a, b)
    determinant = h[0] * h[2] - h[1] * h[1]
    if determinant <= 0:
        return a, b
    step_a = (h[2] * g[0] - h[1] * g[1]) / determinant
    step_b = (h[0] * g[1] - h[1] * g[0]) / determinant
    for halving in range(30):
        new_a, new_b = a + step_a / 2**halving, b + step_b / 2**halving
        is_within = 1e-3 < new_b <= 1 / _LEAST_SCALE
        if is_within and _slopes(x, weights, is_ended, expected, prior, new_a, new_b)[0] >= value:
            return new_a, new_b
    return a, b


@njit(cache=True)
def _slopes(
    x: Doubles, weights: Doubles, is_ended: NDArray[np.bool_], expected: Doubles, prior: float, a: float, b: float
) -> tuple[float, Doubles, Doubles]:
    """Log likelihood of the intervals of habit, its gradient, and minus its curvature (aa, ab, bb)."""
    value, g, h = 0.0, np.zeros(2), np.zeros(3)
    n_all = len(x) + len(expected)
    for i in range(n_all):
        own = i < len(x)
        at = x[i] if own else expected[i - len(x)]
        weight = weights[i] if own else prior / len(expected)
        ends = 1.0 if not own or is_ended[i] else 0.0
        z = a + b * at
        over = 1 / (1 + math.exp(-z))
        value += weight * (ends * (z + math.log(b)) - (1 + ends) * (max(z, 0.0) + math.log1p(math.exp(-abs(z)))))
        g[0] += weight * (ends - (1 + ends) * over)
        g[1] += weight * (ends * (at + 1 / b) - (1 + ends) * over * at)
        bend = weight * (1 + ends) * over * (1 - over)
        h[0] += bend
        h[1] += bend * at
        h[2] += bend * at * at + weight * ends / (b * b)
    return value, g, h
