"""The models of the section `cf`, made from its settings."""

from __future__ import annotations

from typing import Any

from cartograph.cf.als import Als
from cartograph.cf.settings import CfSettings
from cartograph.core.model import Model
from cartograph.core.model_classes import model_class


def configured(name: str, settings: CfSettings, **changed: Any) -> Model:
    """The model of that name with its settings, some of them changed."""
    kind: Any = model_class("cf", name)
    own = {"keep_factors": settings.refresh.keep_factors} if name == Als.name else {}
    model: Model = kind(getattr(settings, name), event_weights=settings.event_weights, **own, **changed)
    return model
