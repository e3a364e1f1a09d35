"""Differences between models that were asked the same customers, several at a time.

Every resampling draws the same customers for all models, so differences are taken within it and what customers have in
common drops out. Of m differences the one with the smallest p value is judged at level / m, the next at level / (m - 1)
and so on, until one fails: that one and all after it are not shown to differ (Holm 1979). The chance of any mistake
stays below the level.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Compared:
    """A model's difference from another: `low` and `high` at its share of the level, `p_value` adjusted likewise."""

    model: str
    value: float
    low: float
    high: float
    p_value: float


def behind_best(
    values: Mapping[str, float], draws: Mapping[str, Floats], level: float = 0.05, sign: float = 1.0
) -> list[Compared]:
    """How far each model is behind the best of them: a gain, 0 or less; nothing of the best itself.

    Which model is the best was learnt from the same customers, so a difference just above chance says little.

    Args:
        values: mean of each model; of equals the first name is the best.
        draws: means under every resampling.
        level: chance allowed that any interval is wrong.
        sign: `core.statistics.metrics.direction` of the metric: -1 where the best is the lowest.
    """
    best = min(values, key=lambda model: (-sign * values[model], model), default="")
    others = {model: sign * (value - values[best]) for model, value in sorted(values.items()) if model != best}
    return compared(others, {model: sign * (draws[model] - draws[best]) for model in others}, level)


def compared(
    differences: Mapping[str, float], draws: Mapping[str, Floats], level: float, bar: float = 0.0
) -> list[Compared]:
    """Each difference with its interval and p value, by Holm.

    Args:
        differences: of the means, by model.
        draws: differences under every resampling; nan where one drew nobody.
        level: chance allowed that any interval is wrong.
        bar: what differences are held against: p values are of a difference that is this large.
    """
    plain = {model: two_sided_p(draws[model] - bar) for model in differences}
    adjusted = dict(zip(plain, holm(list(plain.values())), strict=True))
    shares = dict(zip(plain, holm_levels(list(plain.values()), level), strict=True))
    found = []
    for model, value in differences.items():
        tail = 50 * shares[model]
        low, high = np.nanpercentile(draws[model], [tail, 100 - tail])
        found.append(Compared(model, value, float(low), float(high), adjusted[model]))
    return found


def two_sided_p(draws: Floats) -> float:
    """How often resamplings lie on the other side of 0, both ways; never 0, as more of them might have."""
    drawn = draws[~np.isnan(draws)]
    beyond = min(int((drawn <= 0).sum()), int((drawn >= 0).sum()))
    return min(1.0, 2 * (beyond + 1) / (len(drawn) + 1))


def holm(p_values: Sequence[float]) -> list[float]:
    """The p values adjusted for their number, in the same order."""
    order = np.argsort(p_values, kind="stable")
    factors = len(p_values) - np.arange(len(p_values))
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(np.asarray(p_values)[order] * factors))
    return [float(value) for value in adjusted]


def holm_levels(p_values: Sequence[float], level: float) -> list[float]:
    """The level that each difference is judged at, in the same order.

    It rises from step to step, and no further once a difference has failed.
    """
    order = np.argsort(p_values, kind="stable")
    steps = level / (len(p_values) - np.arange(len(p_values)))
    failed = np.flatnonzero(np.asarray(p_values)[order] > steps)
    if len(failed):
        steps[failed[0] :] = steps[failed[0]]
    levels = np.empty(len(p_values))
    levels[order] = steps
    return [float(value) for value in levels]
