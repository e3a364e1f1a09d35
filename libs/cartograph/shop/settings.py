"""Section `shop` of the settings."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Self

from pydantic import Field, model_validator

from cartograph.core.settings import Positive, Section, Seed

MAX_EVENTS_PER_USER = 5_000  # More would leave fewer than four customers in a block of the generator.


class ShopSettings(Section):
    """The generated demo shop."""

    path: str = Field(
        default="build/shop", description="folder or URI for its raw files, and for the planted truth beside them"
    )
    n_events: Annotated[int, Field(ge=1_000)] = Field(
        default=100000, description="approximate number of events, 1,000 to billions"
    )
    seed: Seed = Field(default=7, description="the same settings give the same shop on any number of cores")
    start_on: date = Field(default=date(2025, 1, 1), description="its first day")
    end_on: date = Field(default=date(2026, 1, 1), description="the day after its last day")
    n_products: Positive | None = Field(
        default=None, description="approximate number of products; null: 2.5 times the square root of n_events"
    )
    events_per_user: Annotated[int, Field(gt=0, le=MAX_EVENTS_PER_USER)] = Field(
        default=40, description="mean over registered customers"
    )
    dirt: Annotated[float, Field(ge=0, le=0.5)] = Field(
        default=0.02, description="share of dirty events (and, per kind, of dirty product and customer records)"
    )

    @model_validator(mode="after")
    def _ends_after_its_start(self) -> Self:
        if self.end_on <= self.start_on:
            raise ValueError(f"the shop ends ({self.end_on}) before it starts ({self.start_on})")
        return self
