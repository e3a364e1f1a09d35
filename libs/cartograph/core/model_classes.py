"""Models by name: model `swing` of step `cf` is the class of that name in `cartograph/cf/swing.py`."""

from __future__ import annotations

from importlib import import_module

from cartograph.core.model import Model
from cartograph.core.settings import ModelsSection


def model_class(step: str, name: str) -> type[Model]:
    """The class of a model.

    Raises:
        LookupError: there is no such module, or it defines no class whose `name` is the model's.
    """
    module = import_module(f"cartograph.{step}.{name}")
    for found in vars(module).values():
        if isinstance(found, type) and found.__module__ == module.__name__ and getattr(found, "name", None) == name:
            return found
    raise LookupError(f"{module.__name__} defines no class whose name is {name!r}")


def configured_models(step: str, section: ModelsSection) -> list[Model]:
    """The models that the section of a step names, each as the section describes it."""
    return [model_class(step, name).configured(section) for name in section.models]
