"""Base classes of the settings' sections: name, type, bounds, default and explanation of a setting, defined once.

A step's settings are in its own `settings.py`, as classes whose fields are explained where they are defined:

    class SwingSettings(ItemToItemSettings):
        \"\"\"Pairs of customers who share two products and little else.\"\"\"

        alpha: AboveZero = Field(default=1.0, description="added to the number of products that two customers share")

These modules import neither Spark nor torch, so that a command line is checked before either starts.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Self, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

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
        raise ValueError("rating is the weight of the best rating, 0 or more; dislikes get negative weights")
    return weights


EventWeights = Annotated[dict[str, float], AfterValidator(_known_types)]


class Section(BaseModel):
    """A section: unknown keys are refused, values are fixed once loaded."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class ModelSettings(Section):
    """The settings of one model, which takes them as they are."""

    needs_torch: ClassVar[bool] = False  # whether its workers import torch


class ModelsSection(Section):
    """A section whose models are its fields of type `ModelSettings`: a model is chosen by the name of its field."""

    models: tuple[str, ...]

    @classmethod
    def choices(cls) -> tuple[str, ...]:
        """The names of the models that there are, in the order in which they are explained."""
        kinds = {name: field.annotation for name, field in cls.model_fields.items()}
        return tuple(name for name, kind in kinds.items() if isinstance(kind, type) and issubclass(kind, ModelSettings))

    @model_validator(mode="after")
    def _models_exist(self) -> Self:
        for name in self.models:
            if name not in self.choices():
                raise ValueError(f"models: there is no model {name!r}; there are {', '.join(self.choices())}")
        return self


Kind = TypeVar("Kind", bound=Section)


def settings_of(kind: type[Kind], given: Kind | None, changed: Mapping[str, Any]) -> Kind:
    """The settings that a constructor was given: as an object, by keyword, or as an object with some of them changed.

    Raises:
        ValueError: an unknown keyword, with the nearest known one, or a value out of bounds.
    """
    for name in changed:
        if name not in kind.model_fields:
            near = difflib.get_close_matches(name, kind.model_fields, 1)
            raise ValueError(f"{kind.__name__} has no {name!r}" + (f"; did you mean {near[0]!r}?" if near else ""))
    return kind.model_validate((given.model_dump() if given else {}) | dict(changed)) if changed else given or kind()
