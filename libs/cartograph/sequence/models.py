"""The models of section `sequence`, each with its settings."""

from __future__ import annotations

from typing import Any

from cartograph.core.model import Model
from cartograph.core.model_classes import model_class
from cartograph.sequence.settings import SequenceSettings


def configured(name: str, section: SequenceSettings) -> Model:
    """The model of that name, as its own `configured` takes it from the section."""
    kind: Any = model_class("sequence", name)
    model: Model = kind.configured(section)
    return model
