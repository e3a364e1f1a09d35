"""How many customers a difference needs to be seen, and what can be seen with those there are.

Two-sided test of two means at a size fixed beforehand, by the normal distribution. A sequential test, which may be
stopped early, needs some more at worst.
"""

from __future__ import annotations

import math
from statistics import NormalDist

_NORMAL = NormalDist()


def p_value(difference: float, variance: float) -> float:
    """Two-sided, of a difference with this variance, looked at once; 1 without variance, which tells nothing."""
    if variance <= 0:
        return 1.0
    return math.erfc(abs(difference) / math.sqrt(2 * variance))


def interval(difference: float, variance: float, level: float) -> tuple[float, float]:
    """The differences that `p_value` does not reject at `level`: all of them without variance."""
    if variance <= 0:
        return -math.inf, math.inf
    half = _NORMAL.inv_cdf(1 - level / 2) * math.sqrt(variance)
    return difference - half, difference + half


def power_of(effect: float, variance: float, level: float) -> float:
    """How often an effect of this size is found when the difference has this variance."""
    shift, bound = abs(effect) / math.sqrt(variance), _NORMAL.inv_cdf(1 - level / 2)
    return _NORMAL.cdf(shift - bound) + _NORMAL.cdf(-shift - bound)


def detectable_effect(variance: float, level: float, power: float) -> float:
    """The smallest effect found with probability `power` when the difference has this variance; none without any."""
    if variance <= 0:
        return math.inf
    return (_NORMAL.inv_cdf(1 - level / 2) + _NORMAL.inv_cdf(power)) * math.sqrt(variance)


def customers_needed(
    effect: float, spread: float, level: float, power: float, arm_share: float = 0.5, control_share: float = 0.5
) -> int:
    """Customers of both arms together that find `effect` with probability `power`.

    Args:
        effect: smallest difference of means worth finding.
        spread: variance of the metric over customers (after CUPED, if that is used).
        level: of the two-sided test.
        power: chance of finding the effect.
        arm_share: of the arm, and
        control_share: of the control, in any unit.
    """
    total = arm_share + control_share
    per_customer = spread * (total / arm_share + total / control_share)
    return math.ceil(per_customer * (detectable_effect(1.0, level, power) / effect) ** 2)
