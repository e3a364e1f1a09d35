"""Section `shop` of the settings."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import Field

from cartograph.core.settings import Positive, Section


class ShopSettings(Section):
    """The generated demo shop."""

    path: str = Field(
        default="build/shop", description="folder or URI where its raw files go, and the planted truth beside them"
    )
    n_events: Annotated[int, Field(ge=1_000)] = Field(
        default=100000, description="about this many events, 1,000 to billions"
    )
    seed: Annotated[int, Field(ge=0)] = Field(default=7, description="same settings, same shop, on any number of cores")
    start_on: date = Field(default=date(2025, 1, 1), description="its first day")
    end_on: date = Field(default=date(2026, 1, 1), description="the day after its last")
    n_products: Positive | None = Field(
        default=None, description="about this many products; null: 2.5 times the square root of n_events"
    )
    events_per_user: Positive = Field(default=40, description="mean over registered customers")
    dirt: Annotated[float, Field(ge=0, le=0.5)] = Field(
        default=0.02, description="share of spoiled events (and, per kind, of messy products and users)"
    )
