"""Whether a rule could be chance: exact tests, corrected for how many rules were looked at.

Counts are those of `measures`: `n_ab`, `n_a`, `n_b`, `n`. With the margins fixed and both sides independent, the
baskets that hold both follow the hypergeometric distribution (Fisher 1935).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pandas as pd
from numba import njit
from numpy.typing import NDArray
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql import types as T

Doubles = NDArray[np.float64]
Longs = NDArray[np.int64]


@njit(cache=True)
def _probability(both: int, a: int, b: int, n: int) -> float:
    """P(X = both) where a of n baskets hold A and b hold B, by log-gamma."""
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
    """Per rule the one-sided p value: how likely at least `n_ab` baskets hold both sides by chance."""
    p = np.empty(n_ab.shape[0])
    for i in range(n_ab.shape[0]):
        p[i] = _at_least(n_ab[i], n_a[i], n_b[i], n[i])
    return p


@njit(cache=True)
def hyper_quantile(n_a: Longs, n_b: Longs, n: Longs, share: float) -> Longs:
    """Per rule the number of baskets with both sides that chance exceeds with a probability of at most 1 - share."""
    quantiles = np.empty(n_a.shape[0], np.int64)
    for i in range(n_a.shape[0]):
        quantiles[i] = _quantile(share, n_a[i], n_b[i], n[i])
    return quantiles


def with_p_values(rules: DataFrame) -> DataFrame:
    """The same rules with `p_value` and `q_value` (double).

    `p_value` is Fisher's exact one-sided p; `q_value` the smallest share of false rules at which this one would be
    accepted (Benjamini & Hochberg 1995), over all rules of the frame.
    """
    schema = T.StructType([*rules.schema.fields, T.StructField("p_value", T.DoubleType())])
    tested = rules.mapInPandas(_tested, schema)
    # One ordered pass over all rules: distinct p values are far fewer than rules, so only they are put in one order.
    p_values = tested.groupBy("p_value").agg(F.count("*").alias("n_rules"))
    in_order, backwards = Window.orderBy("p_value"), Window.orderBy(F.desc("p_value"))
    ranks = p_values.withColumn("place", F.sum("n_rules").over(in_order)).withColumn(
        "n_tests", F.sum("n_rules").over(Window.partitionBy(F.lit(1)))
    )
    raised = F.least(F.lit(1.0), F.col("p_value") * F.col("n_tests") / F.col("place"))
    q_values = ranks.select("p_value", F.min(raised).over(backwards).alias("q_value"))
    return tested.join(q_values, "p_value").select(*rules.columns, "p_value", "q_value")


def _tested(batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    for rules in batches:
        counts = (rules[name].to_numpy(np.int64) for name in ("n_ab", "n_a", "n_b", "n"))
        yield rules.assign(p_value=fisher(*counts))
