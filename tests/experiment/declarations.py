"""Declarations of experiments for tests: those of an even split, with some keys changed."""

from __future__ import annotations

from typing import Any

from cartograph.experiment.settings import ExperimentDeclaration

HALVES = {"control": 0.5, "new": 0.5}
DEFAULTS: dict[str, Any] = {
    "control": "control", "shares": HALVES, "salt": None, "primary": "revenue", "guardrails": {}, "effect": 0.02,
    "window_days": 14, "before_days": 28, "interleaved": False,
}  # fmt: skip


def declaration(**changed: Any) -> ExperimentDeclaration:
    """An experiment on revenue, in which arm `new` is compared with `control`."""
    return ExperimentDeclaration(**(DEFAULTS | changed))
