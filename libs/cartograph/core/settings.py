"""What every section of the settings is made of: a name, a type, bounds, a default and an explanation, each once.

A step's settings stand in its own `settings.py`, as classes whose fields are explained where they are defined:

    class SwingSettings(ItemToItemSettings):
        \"\"\"Pairs of customers who share two products and little else.\"\"\"

        alpha: AboveZero = Field(1.0, description="added to the number of products that two customers share")

These modules import neither Spark nor torch, so that a command line is checked before either starts.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from cartograph.core.event_types import EVENT_TYPES

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[int, Field(gt=0)]
Count = Annotated[int, Field(ge=0)]
AboveZero = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Seed = Annotated[int, Field(ge=0)]


def _known_types(weights: dict[str, float]) -> dict[str, float]:
    unknown = sorted(weights.keys() - set(EVENT_TYPES))
    if unknown:
        raise ValueError(f"there are no events of type {', '.join(unknown)}; there are {', '.join(EVENT_TYPES)}")
    if weights.get("rating", 0.0) < 0:
        raise ValueError("rating is what the best rating weighs, 0 or more; dislikes weigh less than 0 by themselves")
    return weights


EventWeights = Annotated[dict[str, float], AfterValidator(_known_types)]


class Section(BaseModel):
    """A section: unknown keys are refused, values are fixed once loaded."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)
