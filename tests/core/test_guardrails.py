"""The state of a guardrail for an interval of gains."""

from __future__ import annotations

import pytest

from cartograph.core.statistics.guardrails import guardrail_state


@pytest.mark.parametrize(
    ("low", "high", "state"),
    [
        (-0.5, 2.0, "safe"),  # a loss of 1 is ruled out
        (-0.5, -0.1, "safe"),  # a loss for certain, but a tolerated one
        (-3.0, -0.1, "harmed"),
        (-3.0, 0.5, "unclear"),
        (float("-inf"), float("inf"), "unclear"),
    ],
)
def test_losses_must_be_ruled_out_not_just_unobserved(low: float, high: float, state: str) -> None:
    assert guardrail_state(low, high, tolerated=1.0) == state
