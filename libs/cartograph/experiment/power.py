"""How many customers are needed to detect a difference, and which difference the customers there are can detect.

Two-sided test of two means with a sample size fixed beforehand, by the normal approximation. A sequential test, which
may be stopped early, needs somewhat more at worst.
"""

from __future__ import annotations

import math
from statistics import NormalDist

_NORMAL = NormalDist()


def fixed_sample_p(difference: float, variance: float) -> float:
    """Two-sided p-value of a difference with this variance, read once; 1 without variance, which is inconclusive."""
    if variance <= 0:
        return 1.0
    return math.erfc(abs(difference) / math.sqrt(2 * variance))


def fixed_sample_interval(difference: float, variance: float, level: float) -> tuple[float, float]:
    """The differences that `fixed_sample_p` does not reject at `level`: all of them without variance."""
    if variance <= 0:
        return -math.inf, math.inf
    half = _NORMAL.inv_cdf(1 - level / 2) * math.sqrt(variance)
    return difference - half, difference + half


def power_of(effect: float, variance: float, level: float) -> float:
    """Probability of detecting an effect of this size if the difference has this variance."""
    shift, bound = abs(effect) / math.sqrt(variance), _NORMAL.inv_cdf(1 - level / 2)
    return _NORMAL.cdf(shift - bound) + _NORMAL.cdf(-shift - bound)


def detectable_effect(variance: float, level: float, power: float) -> float:
    """The smallest effect detected with probability `power` at this variance; infinite without variance."""
    if variance <= 0:
        return math.inf
    return (_NORMAL.inv_cdf(1 - level / 2) + _NORMAL.inv_cdf(power)) * math.sqrt(variance)


def customers_needed(
    effect: float, spread: float, level: float, power: float, arm_share: float = 0.5, control_share: float = 0.5
) -> int:
    """Customers of both arms together that detect `effect` with probability `power`.

    Args:
        effect: smallest difference of means worth finding.
        spread: variance of the metric over customers (after CUPED, if that is used).
        level: level of the two-sided test.
        power: probability of detecting the effect.
        arm_share, control_share: of the arm and of the control, in any unit.
    """
    total = arm_share + control_share
    per_customer = spread * (total / arm_share + total / control_share)
    return math.ceil(per_customer * (detectable_effect(1.0, level, power) / effect) ** 2)
