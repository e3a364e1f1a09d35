"""Differences between models that were evaluated on the same customers, several at a time.

Every resample contains the same customers for all models, so differences are taken within it and what customers have in
common cancels out. Of m differences the one with the smallest p-value is tested at level / m, the next at
level / (m - 1) and so on, until one fails: that one and all after it are not significant (Holm 1979). The probability
of any false positive stays below the level.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ModelDifference:
    """A model's difference from another: `low` and `high` at its share of the level, `p_value` adjusted likewise."""

    model: str
    value: float
    low: float
    high: float
    p_value: float


def behind_best(
    values: Mapping[str, float], resamples: Mapping[str, Floats], level: float = 0.05, sign: float = 1.0
) -> list[ModelDifference]:
    """How far each model is behind the best one: a gain, 0 or less; the best itself has no entry.

    The best model was chosen on the same customers, so a barely significant difference is weak evidence.

    Args:
        values: mean of each model; of equal ones the first in order of name is the best.
        resamples: means in every resample, by model.
        level: probability of any interval being wrong.
        sign: `core.statistics.metrics.direction` of the metric: -1 where the best is the lowest.
    """
    best = min(values, key=lambda model: (-sign * values[model], model), default="")
    others = {model: sign * (value - values[best]) for model, value in sorted(values.items()) if model != best}
    resampled = {model: sign * (resamples[model] - resamples[best]) for model in others}
    return model_differences(others, resampled, level)


def model_differences(
    differences: Mapping[str, float], resamples: Mapping[str, Floats], level: float, threshold: float = 0.0
) -> list[ModelDifference]:
    """Each difference with its interval and p-value, corrected by Holm's method.

    Args:
        differences: of the means, by model.
        resamples: differences in every resample; nan where one is empty.
        level: probability of any interval being wrong.
        threshold: the difference under the null hypothesis.
    """
    plain = {model: two_sided_p(resamples[model] - threshold) for model in differences}
    adjusted = dict(zip(plain, holm(list(plain.values())), strict=True))
    shares = dict(zip(plain, holm_levels(list(plain.values()), level), strict=True))
    found = []
    for model, value in differences.items():
        tail = 50 * shares[model]
        low, high = np.nanpercentile(resamples[model], [tail, 100 - tail])
        found.append(ModelDifference(model, value, float(low), float(high), adjusted[model]))
    return found


def two_sided_p(resamples: Floats) -> float:
    """Twice the share of resamples on the other side of 0; never 0, as more resamples might reach it."""
    known = resamples[~np.isnan(resamples)]
    beyond = min(int((known <= 0).sum()), int((known >= 0).sum()))
    return min(1.0, 2 * (beyond + 1) / (len(known) + 1))


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values adjusted for their number, in the same order."""
    order = np.argsort(p_values, kind="stable")
    factors = len(p_values) - np.arange(len(p_values))
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(np.asarray(p_values)[order] * factors))
    return [float(value) for value in adjusted]


def holm_levels(p_values: Sequence[float], level: float) -> list[float]:
    """The level that each difference is tested at, in the same order.

    It rises from step to step until a difference fails, and stays there for the rest.
    """
    order = np.argsort(p_values, kind="stable")
    steps = level / (len(p_values) - np.arange(len(p_values)))
    failed = np.flatnonzero(np.asarray(p_values)[order] > steps)
    if len(failed):
        steps[failed[0] :] = steps[failed[0]]
    levels = np.empty(len(p_values))
    levels[order] = steps
    return [float(value) for value in levels]
