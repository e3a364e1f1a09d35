"""The difference between two arms, less what was known of their customers before.

CUPED (Deng, Xu, Kohavi and Walker 2013): y - theta (x - mean x), with x the same metric before the customer entered the
experiment and theta = cov(x, y) / var(x). Arms are random, so the difference stays what it was in expectation, and its
variance falls by the square of the correlation of x and y.
"""

from __future__ import annotations

from dataclasses import dataclass

from cartograph.evaluate.moments import Moments


@dataclass(frozen=True)
class Difference:
    """Means of two arms, their difference, and the variance of that difference.

    `variance_left` is the variance with CUPED over that without.
    """

    n_users: int
    n_control_users: int
    value: float
    control_value: float
    variance: float
    variance_left: float = 1.0

    @property
    def difference(self) -> float:
        """What the arm has more than the control."""
        return self.value - self.control_value


def adjusted_difference(arm: Moments, control: Moments) -> Difference:
    """`arm` against `control`, adjusted; theta is that of both arms, within them."""
    theta = _theta(arm, control)
    everyone = (arm.n * arm.before_mean + control.n * control.before_mean) / (arm.n + control.n)
    value, control_value = (each.mean - theta * (each.before_mean - everyone) for each in (arm, control))
    variance = sum(adjusted_variance(each, theta) / each.n for each in (arm, control))
    plain = sum(each.variance / each.n for each in (arm, control))
    return Difference(arm.n, control.n, value, control_value, variance, variance / plain if plain > 0 else 1.0)


def adjusted_variance(arm: Moments, theta: float) -> float:
    """Variance of y - theta x over the customers of an arm; rounding cannot make it negative."""
    return max(arm.variance - 2 * theta * arm.covariance + theta**2 * arm.before_variance, 0.0)


def _theta(arm: Moments, control: Moments) -> float:
    """Pooled slope of the metric on its own past; 0 where nobody has a past."""
    spread = sum((each.n - 1) * each.before_variance for each in (arm, control))
    common = sum((each.n - 1) * each.covariance for each in (arm, control))
    return common / spread if spread > 0 else 0.0
