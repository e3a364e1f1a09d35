"""The kinds of events that there are, in the order of their codes."""

from __future__ import annotations

EVENT_TYPES = ("view", "cart", "purchase", "rating", "return")
