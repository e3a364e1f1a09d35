"""The configuration of a run: `conf/base.yml`, then `conf/<env>.yml`, then each `--set a.b=value`.

A later layer wins key by key. All errors are reported at once, each with its file or argument.
"""

from __future__ import annotations

import difflib
import typing
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, SecretStr, ValidationError

from cartograph.core.errors import UserError
from cartograph.core.redaction import HIDDEN
from cartograph.core.redaction import redacted as without_secrets
from cartograph.runtime import places
from cartograph.runtime.secrets import find_secret, secret_variable
from cartograph.settings import Config

Layer = tuple[str, dict[str, Any]]


class ConfigError(UserError):
    """The configuration is wrong; the message lists every problem."""


def load_config(env: str, overrides: Sequence[str] = (), conf_dir: Path | None = None) -> Config:
    """The checked configuration of environment `env` with the `a.b=value` overrides on top.

    Raises:
        ConfigError: an unknown environment or key, a value of the wrong type, a secret written in a file.
    """
    folder = conf_dir or places.home() / "conf"
    layers = [_file_layer(folder, "base"), _file_layer(folder, env)]
    layers += [_override_layer(override) for override in overrides]
    problems = [problem for layer in layers for problem in _key_problems(layer)]
    merged: dict[str, Any] = {"env": env}
    for _, values in layers:
        merged = _merge(merged, values)
    config: Config | None = None
    try:
        config = Config.model_validate(_without_unknown(merged))
    except ValidationError as error:
        problems += _value_problems(error, layers)
    if problems or config is None:
        raise ConfigError(f"configuration {env!r} is wrong:\n" + "\n".join(f"  - {problem}" for problem in problems))
    return _with_secrets(config)


def show_config(config: Config) -> str:
    """The configuration as YAML, secrets redacted."""
    return yaml.safe_dump(redacted(config), sort_keys=False, allow_unicode=True)


def redacted(config: BaseModel) -> dict[str, Any]:
    """The settings as plain values; a secret shows only whether it is set.

    Names that are the user's own (`spark.conf`) and URIs are looked through for secrets.
    """
    return {name: _plain(getattr(config, name)) for name in type(config).model_fields}


def _plain(value: Any) -> Any:
    if isinstance(value, SecretStr):
        return HIDDEN
    if isinstance(value, BaseModel):
        return redacted(value)
    if isinstance(value, Mapping):
        return {key: without_secrets(_plain(item), str(key)) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else without_secrets(value)


def _file_layer(folder: Path, name: str) -> Layer:
    """The content of `<name>.yml`."""
    path = folder / f"{name}.yml"
    if not path.is_file():
        known = sorted(file.stem for file in folder.glob("*.yml") if file.stem != "base")
        raise ConfigError(f"there is no {path}; the environments in {folder} are {', '.join(known) or 'none'}")
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except yaml.YAMLError as error:
        raise ConfigError(f"{path} is not YAML: {error}") from error
    if not isinstance(values, dict):
        raise ConfigError(f"{path} must hold sections, not {type(values).__name__}")
    return str(path), values


def _override_layer(override: str) -> Layer:
    """`a.b=value` as the nested mapping {a: {b: value}}; the value is read as YAML."""
    key, equals, text = override.partition("=")
    if not equals or not key:
        raise ConfigError(f"--set {override!r} is not of the form section.key=value")
    try:
        value: Any = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"--set {key}: {text!r} is not a YAML value: {error}") from error
    for part in reversed(key.split(".")):
        value = {part: value}
    return f"--set {override if key not in _secret_keys() else key + '=…'}", value


def _merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """`above` laid over `below`, mapping by mapping; anything else is replaced whole."""
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        merged[key] = _merge(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return merged


def _section_class(annotation: Any) -> type[BaseModel] | None:
    """The settings class behind a field's type, also of `Settings | None`; None where names are the user's own."""
    if typing.get_origin(annotation) is dict:
        return None
    for candidate in (annotation, *typing.get_args(annotation)):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None


def _known(model: type[BaseModel] = Config, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted name and type of every setting and section."""
    for name, field in model.model_fields.items():
        yield prefix + name, field.annotation
        nested = _section_class(field.annotation)
        if nested:
            yield from _known(nested, f"{prefix}{name}.")


def _secret_keys() -> set[str]:
    return {key for key, annotation in _known() if SecretStr in (annotation, *typing.get_args(annotation))}


def _dotted(values: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Dotted names of the keys of a layer, down to the first unknown key or free-form mapping."""
    known = dict(_known())
    for key, value in values.items():
        name = f"{prefix}{key}"
        yield name
        if isinstance(value, Mapping) and name in known and _section_class(known[name]):
            yield from _dotted(value, name + ".")


def _key_problems(layer: Layer) -> list[str]:
    """Unknown keys of one layer, each with the nearest known one, and secrets in it."""
    origin, values = layer
    known = [key for key, _ in _known() if key != "env"]
    secrets = _secret_keys()
    problems = []
    for key in _dotted(values):
        if key in secrets:
            name = secret_variable(key)
            problems.append(f"{key} in {origin}: a secret does not belong in a file; set {name} or {name}_FILE")
        elif key not in known:
            problems.append(f"unknown key {key} in {origin}{_nearest(key, known)}")
    return problems


def _nearest(key: str, known: Sequence[str]) -> str:
    """`; did you mean …?`, looking at the full name first and at the last part second."""
    matches = difflib.get_close_matches(key, known, n=1, cutoff=0.6)
    if not matches:
        last = difflib.get_close_matches(key.split(".")[-1], [name.split(".")[-1] for name in known], n=1)
        matches = [name for name in known if last and name.split(".")[-1] == last[0]][:1]
    return f"; did you mean {matches[0]}?" if matches else ""


def _without_unknown(values: Mapping[str, Any], model: type[BaseModel] = Config) -> dict[str, Any]:
    """`values` without keys already complained about, so that the rest is checked too."""
    cleaned: dict[str, Any] = {}
    for key, value in values.items():
        if key not in model.model_fields:
            continue
        nested = _section_class(model.model_fields[key].annotation)
        cleaned[key] = _without_unknown(value, nested) if nested and isinstance(value, Mapping) else value
    return cleaned


def _value_problems(error: ValidationError, layers: Sequence[Layer]) -> list[str]:
    """Each wrong or missing value with the layer it came from."""
    problems = []
    for detail in error.errors(include_url=False):
        path = [str(part) for part in detail["loc"]]
        key = ".".join(path)
        if detail["type"] == "missing":
            problems.append(f"{key} is not set")
            continue
        origin = next((name for name, values in reversed(layers) if _reaches(values, path)), "conf/base.yml")
        value = without_secrets(detail["input"], key)
        problems.append(f"{key} = {value!r} in {origin}: {detail['msg'][:1].lower()}{detail['msg'][1:]}")
    return problems


def _reaches(values: Any, path: Sequence[str]) -> bool:
    """Whether a layer sets the value at `path`, or a list or mapping on the way to it."""
    for part in path:
        if not isinstance(values, Mapping):
            return True
        if part not in values:
            return False
        values = values[part]
    return True


def _with_secrets(config: Config) -> Config:
    """The configuration with its secrets filled in from the environment or a file."""
    sections: dict[str, Any] = {}
    for key in _secret_keys():
        section, name = key.split(".")
        value = find_secret(key, config)
        sections[section] = sections.get(section, getattr(config, section)).model_copy(update={name: value})
    return config.model_copy(update=sections)
