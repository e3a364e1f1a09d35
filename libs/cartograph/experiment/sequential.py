"""A test that may be read every day: the mixture sequential probability ratio test.

A fixed-sample p-value that is read daily has far more false positives than its level says. The likelihood ratio of the
difference d with variance V, mixed over effects from N(0, tau^2), is a martingale without an effect:

    ratio = sqrt(V / (V + tau^2)) exp(d^2 tau^2 / (2 V (V + tau^2)))

so the probability that it ever exceeds 1 / level is at most `level` (Johari, Pekelis and Walsh 2017, "Peeking at A/B
tests"; Robbins 1970). `tau` is the size of the effects looked for: a wrong one costs power, never validity. V is an
estimate, and 0 does not mean certainty: nobody has done anything yet, or everybody the same. Then nothing is known.
"""

from __future__ import annotations

import math


def always_valid_p(difference: float, variance: float, tau: float) -> float:
    """The p-value of one look; the smallest of all looks so far is valid whenever one stops.

    1 if there is no variance, or `tau` is 0.
    """
    if variance <= 0 or tau <= 0:
        return 1.0
    total = variance + tau**2
    log_ratio = 0.5 * math.log(variance / total) + difference**2 * tau**2 / (2 * variance * total)
    return math.exp(-max(log_ratio, 0.0))


def always_valid_interval(difference: float, variance: float, tau: float, level: float) -> tuple[float, float]:
    """The differences that `always_valid_p` does not reject at `level`: all if there is no variance, or `tau` is 0."""
    if variance <= 0 or tau <= 0:
        return -math.inf, math.inf
    total = variance + tau**2
    half = math.sqrt(2 * variance * total / tau**2 * (0.5 * math.log(total / variance) - math.log(level)))
    return difference - half, difference + half
