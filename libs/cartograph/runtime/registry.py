"""Aliases in MLflow's model registry: which model's lists are shown, and which one is next.

A version of the registered model stands for the settings of a model: its tag `model` names it, its run holds them. It
is made when the settings are met for the first time. As for runs, a store that is down costs a warning and no more.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from cartograph.runtime.config import redacted
from cartograph.runtime.tracking import Tracking
from cartograph.runtime.tracking_store import made_unless_there
from cartograph.settings import Config

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient


def point_aliases(tracking: Tracking, config: Config, registered: str, aliases: Mapping[str, str]) -> dict[str, str]:
    """Points each alias at the version of the model named; returns the versions by alias, none where MLflow is down.

    Args:
        tracking: where runs are recorded.
        config: holds the settings of the models.
        registered: name of the registered model; made if need be.
        aliases: name of a model by alias.
    """
    pointed: dict[str, str] = {}
    for alias, model in aliases.items():
        settings = settings_of(config, model)
        with tracking.run(f"{registered} {alias}: {model}", {"model": model}):
            tracking.log_settings(settings)
            found = partial(_version, registered=registered, model=model, settings=settings, run_id=tracking.run_id)
            version = tracking.ask(found)
            if version is None:
                return pointed
            tracking.ask(partial(_point, registered=registered, alias=alias, version=version))
        pointed[alias] = version
    return pointed


def settings_of(config: Config, model: str) -> dict[str, Any]:
    """What the configuration says of a model, by section: `cf.als`, or the whole of `rank` for the lists it fuses."""
    if model == "fused":
        return {"rank": redacted(config.rank)}
    if model == "rules":
        return {"rules": redacted(config.rules)}
    sections = {name: getattr(config, name) for name in ("cf", "sequence", "graph", "embed")}
    return {name: {model: redacted(getattr(each, model))} for name, each in sections.items() if hasattr(each, model)}


def _point(client: MlflowClient, registered: str, alias: str, version: str) -> None:
    client.set_registered_model_alias(registered, alias, version)


def _version(client: MlflowClient, registered: str, model: str, settings: Mapping[str, Any], run_id: str | None) -> str:
    """The version that stands for these settings of the model."""
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode()).hexdigest()[:16]
    if not client.search_registered_models(f"name = '{registered}'"):
        made_unless_there(client.create_registered_model, registered)
    for known in client.search_model_versions(f"name = '{registered}'"):
        if known.tags.get("model") == model and known.tags.get("settings") == digest:
            return str(known.version)
    source = str(client.get_run(str(run_id)).info.artifact_uri)
    tags = {"model": model, "settings": digest}
    return str(client.create_model_version(registered, source, run_id, tags).version)
