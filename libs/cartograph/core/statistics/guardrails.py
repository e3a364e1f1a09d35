"""Metrics that a change must not harm: each has a tolerated loss, and must be shown to stay within it."""

from __future__ import annotations

from typing import Literal

State = Literal["safe", "harmed", "unclear"]


def guardrail_state(low: float, high: float, tolerated: float) -> State:
    """`safe` once losses beyond `tolerated` are ruled out, `harmed` once only gains are, else `unclear`.

    No evidence of harm is not enough: that would accept whatever is tried on few customers (non-inferiority; Kohavi,
    Tang and Xu 2020, ch. 21).

    Args:
        low, high: interval of the gain over the control, losses negative.
        tolerated: largest tolerated loss, 0 or more.
    """
    if low >= -tolerated:
        return "safe"
    return "harmed" if high < 0 else "unclear"
