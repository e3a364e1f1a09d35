"""What every section of the settings is made of."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from cartograph.core.tables.schema import EVENT_TYPES

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[int, Field(gt=0)]
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

    model_config = ConfigDict(extra="forbid", frozen=True)
