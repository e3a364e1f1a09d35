"""The models of all steps by name, with settings given as KEY=VALUE on the command line."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import yaml

from cartograph.core.model_classes import model_class

_STEPS = ("cf", "rules", "sequence", "graph")


def model_of(name: str, settings: Sequence[str]) -> Any:
    """The model of that name.

    Raises:
        SystemExit: no step has such a model.
        ValueError: a setting that the model does not have, or a value out of bounds.
    """
    step = next((step for step in _STEPS if find_spec(f"cartograph.{step}.{name}")), None)
    if step is None:
        raise SystemExit(f"there is no model {name!r} in {', '.join(_STEPS)}")
    kind: Any = model_class(step, name)
    pairs = (setting.split("=", 1) for setting in settings)
    return kind(**{key: yaml.safe_load(value) for key, value in pairs})
