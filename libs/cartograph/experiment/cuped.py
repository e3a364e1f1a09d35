"""The difference between two arms, adjusted for what was known about their customers before.

CUPED (Deng, Xu, Kohavi and Walker 2013): y - theta (x - mean x), with x the same metric before the customer entered the
experiment and theta = cov(x, y) / var(x). Arms are random, so the difference stays what it was in expectation, and its
variance falls by the square of the correlation of x and y.

The variance is the larger of two: unpooled, s1² / n1 + s2² / n2, and pooled, s² (1 / n1 + 1 / n2). Where few customers
of a small arm have done anything yet, mean and variance of that arm are small together, and a small arm beside a large
one would seem certain to be worse: unpooled, a tenth to a half of such experiments without an effect do.
"""

from __future__ import annotations

from dataclasses import dataclass

from cartograph.experiment.moments import Moments


@dataclass(frozen=True)
class Difference:
    """Means of two arms, their difference, and the variance of that difference.

    `variance_left` is the variance with CUPED over that without, `control_variance` that of the control's mean.
    """

    n_users: int
    n_control_users: int
    value: float
    control_value: float
    variance: float
    variance_left: float = 1.0
    control_variance: float = 0.0

    @property
    def difference(self) -> float:
        """By how much the arm exceeds the control."""
        return self.value - self.control_value


def adjusted_difference(arm: Moments, control: Moments) -> Difference:
    """`arm` compared with `control`, adjusted; theta is pooled within the arms."""
    theta = _theta(arm, control)
    everyone = (arm.n * arm.before_mean + control.n * control.before_mean) / (arm.n + control.n)
    value, control_value = (each.mean - theta * (each.before_mean - everyone) for each in (arm, control))
    spreads = adjusted_variance(arm, theta), adjusted_variance(control, theta)
    variance = difference_variance(arm.n, control.n, *spreads)
    plain = difference_variance(arm.n, control.n, arm.variance, control.variance)
    left = variance / plain if plain > 0 else 1.0
    return Difference(arm.n, control.n, value, control_value, variance, left, spreads[1] / control.n)


def difference_variance(n: int, n_control: int, spread: float, control_spread: float) -> float:
    """The variance of a difference of two means, unpooled or pooled: the larger.

    Args:
        n, n_control: customers.
        spread, control_spread: variances of the metric over the customers of each arm.
    """
    unpooled = spread / n + control_spread / n_control
    pooled = ((n - 1) * spread + (n_control - 1) * control_spread) / (n + n_control - 2)
    return max(unpooled, pooled * (1 / n + 1 / n_control))


def adjusted_variance(arm: Moments, theta: float) -> float:
    """Variance of y - theta x over the customers of an arm; rounding cannot make it negative."""
    return max(arm.variance - 2 * theta * arm.covariance + theta**2 * arm.before_variance, 0.0)


def _theta(arm: Moments, control: Moments) -> float:
    """Pooled slope of the metric on its own past; 0 where nobody has a past, or all the same one up to rounding."""
    spread = sum((each.n - 1) * each.before_variance for each in (arm, control))
    common = sum((each.n - 1) * each.covariance for each in (arm, control))
    size = sum(each.n * each.before_mean**2 for each in (arm, control))
    return common / spread if spread > _ROUNDING * size else 0.0


_ROUNDING = 1e-12
