"""Exact tests: the probability that two things occur together as often as they do if they are independent.

Counts are those of `rule_measures`: `n_ab`, `n_a`, `n_b`, `n`. With the margins fixed and both sides independent, the
baskets with both follow the hypergeometric distribution (Fisher 1935).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pandas as pd
from numba import njit
from numpy.typing import NDArray
from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.pandas.functions import pandas_udf

Doubles = NDArray[np.float64]
Longs = NDArray[np.int64]


@njit(cache=True)
def _probability(both: int, a: int, b: int, n: int) -> float:
    """P(X = both) where a of n baskets contain A and b contain B, by log-gamma."""
    log = (
        math.lgamma(a + 1) - math.lgamma(both + 1) - math.lgamma(a - both + 1)
        + math.lgamma(n - a + 1) - math.lgamma(b - both + 1) - math.lgamma(n - a - b + both + 1)
        - math.lgamma(n + 1) + math.lgamma(b + 1) + math.lgamma(n - b + 1)
    )  # fmt: skip
    return math.exp(log)


@njit(cache=True)
def _at_least(both: int, a: int, b: int, n: int) -> float:
    """P(X >= both): the shorter tail is added term by term, from its largest term on."""
    lowest, highest = max(0, a + b - n), min(a, b)
    if both <= lowest:
        return 1.0
    upper = both > a * (b / n)
    x = both if upper else both - 1
    term = _probability(x, a, b, n)
    total = term
    while term > total * 1e-17:
        if upper:
            term *= (a - x) * (b - x) / ((x + 1.0) * (n - a - b + x + 1.0))
            x += 1
        else:
            term *= x * (n - a - b + x) / ((a - x + 1.0) * (b - x + 1.0))
            x -= 1
        if not lowest <= x <= highest:
            break
        total += term
    return min(1.0, total if upper else 1.0 - total)


@njit(cache=True)
def _quantile(share: float, a: int, b: int, n: int) -> int:
    """The least x with P(X <= x) >= share, walking from the mean."""
    x = int(a * (b / n))
    above = _at_least(x + 1, a, b, n)
    while above > 1.0 - share:
        x += 1
        above = _at_least(x + 1, a, b, n)
    while x > 0 and _at_least(x, a, b, n) <= 1.0 - share:
        x -= 1
    return x


@njit(cache=True)
def fisher(n_ab: Longs, n_a: Longs, n_b: Longs, n: Longs) -> Doubles:
    """Per rule the one-sided p-value: the probability of at least `n_ab` baskets with both sides under independence."""
    p = np.empty(n_ab.shape[0])
    for i in range(n_ab.shape[0]):
        p[i] = _at_least(n_ab[i], n_a[i], n_b[i], n[i])
    return p


@njit(cache=True)
def hyper_quantile(n_a: Longs, n_b: Longs, n: Longs, share: float) -> Longs:
    """Per rule the `share` quantile of the number of baskets with both sides under independence."""
    quantiles = np.empty(n_a.shape[0], np.int64)
    for i in range(n_a.shape[0]):
        quantiles[i] = _quantile(share, n_a[i], n_b[i], n[i])
    return quantiles


def p_value(n_ab: Column, n_a: Column, n_b: Column, n: Column) -> Column:
    """Fisher's exact one-sided p-value of `A => B`: the probability of at least `n_ab` under independence.

    Hyper-confidence (Hahsler & Hornik 2007) is one minus this.
    """
    return double_of(_p_values, n_ab, n_a, n_b, n)


def hyper_lift(n_ab: Column, n_a: Column, n_b: Column, n: Column) -> Column:
    """`n_ab` over the 99 % quantile under independence (Hahsler & Hornik 2007); infinite if that is 0."""
    quantile = double_of(_hyper_quantiles, n_a, n_b, n)
    return F.coalesce(n_ab / F.nullif(quantile, F.lit(0.0)), F.lit(math.inf))


def double_of(function: Callable[..., pd.Series], *columns: Column) -> Column:
    """`function` over Arrow batches of the columns."""
    return pandas_udf(function, "double")(*columns)  # type: ignore[call-overload, no-any-return]


def _p_values(n_ab: pd.Series, n_a: pd.Series, n_b: pd.Series, n: pd.Series) -> pd.Series:
    return pd.Series(fisher(*(counts.to_numpy(np.int64) for counts in (n_ab, n_a, n_b, n))))


def _hyper_quantiles(n_a: pd.Series, n_b: pd.Series, n: pd.Series) -> pd.Series:
    counts = [column.to_numpy(np.int64) for column in (n_a, n_b, n)]
    return pd.Series(hyper_quantile(counts[0], counts[1], counts[2], 0.99).astype(np.float64))
