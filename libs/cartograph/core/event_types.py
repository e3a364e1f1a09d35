"""The kinds of events that there are, in the order of their codes, and their weight as a sign of preference."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

EVENT_TYPES = ("view", "cart", "purchase", "rating", "return")
EVENT_WEIGHTS: Mapping[str, float] = MappingProxyType(
    {"view": 0.2, "cart": 0.5, "purchase": 1.0, "rating": 1.0, "return": -1.0}
)
