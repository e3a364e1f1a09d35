"""The models of the step with their settings."""

from __future__ import annotations

from typing import Any

from cartograph.core.model import Model
from cartograph.core.model_classes import model_class
from cartograph.graph.settings import GraphSettings, NetworkSettings


def configured_model(name: str, settings: GraphSettings) -> Model:
    """The model of that name with its settings; networks also get those of their training."""
    own = getattr(settings, name)
    training = {"training": settings.training} if isinstance(own, NetworkSettings) else {}
    model: Any = model_class("graph", name)
    configured: Model = model(own, **training, event_weights=settings.event_weights)
    return configured
