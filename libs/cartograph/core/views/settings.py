"""Sections `ratings` and `seen` of the settings: what events say, the same for all steps."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from cartograph.core.settings import Section


class RatingsSettings(Section):
    """Ratings as preferences."""

    scale: tuple[float, float] = Field(
        default=(1, 5),
        description="the worst and the best rating there can be: stars; [1, 10]; thumbs, [0, 1]. A source that rates "
        "otherwise converts its ratings in its declaration (`rating: stars / 2`)",
    )
    neutral: float | None = Field(
        default=None,
        description="ratings above it are likes, below it dislikes; null: the middle of the scale. The best rating "
        "weighs event_weights.rating, the neutral one 0, the worst one -event_weights.rating. A product "
        "that a customer's last rating dislikes is not a positive interaction, whatever else they did with it, "
        "and is not recommended to them",
    )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        lowest, highest = self.scale
        if not lowest < highest:
            raise ValueError(f"scale must go from the worst rating to the best, not from {lowest:g} to {highest:g}")
        if self.neutral is not None and not lowest <= self.neutral < highest:
            raise ValueError(f"neutral must be at least {lowest:g} and below {highest:g}, and is {self.neutral:g}")
        return self


class SeenSettings(Section):
    """When a product is not new to a customer any more: for lists, for evaluation and for tuning."""

    event_types: Annotated[tuple[Literal["view", "cart", "purchase", "rating"], ...], Field(min_length=1)] = Field(
        default=("purchase",),
        description="types of events that make a product seen: view, cart, purchase, rating. Evaluation counts what "
        "was not seen before …",
    )
    mask: bool = Field(
        default=True,
        description="… and lists contain nothing else. false: lists may contain what was seen (groceries), and tuning "
        "counts it too",
    )

    @property
    def masked_by(self) -> tuple[str, ...]:
        """Events whose products lists leave out: none where they may hold what was seen."""
        return self.event_types if self.mask else ()
