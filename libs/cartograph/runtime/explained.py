"""conf/base.yml out of the settings' own definitions: `make settings`."""

from __future__ import annotations

import sys
import textwrap
import typing
from collections.abc import Iterator
from typing import Any

import yaml
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

_COLUMN, _WIDTH = 34, 120  # where explanations begin, and where they end
_LONG = 80  # characters of a setting beside which there is no room for an explanation
_HEAD = """\
# Every setting, its default and what it does. This file is made from the settings' own definitions (settings.py of each
# step) by `make settings`. conf/<env>.yml holds only the values that differ in that environment, and
# `--set section.key=value` wins over both. Unknown keys are refused. `python jobs/<step>.py --env <env> --show-config`
# prints the result. Relative paths start at the project's root. Secrets do not belong here: see docs/operations.md.
"""


def section_class(annotation: Any) -> type[BaseModel] | None:
    """The settings class behind a field's type, also of `Settings | None`; None where names are the user's own."""
    if typing.get_origin(annotation) is dict:
        return None
    for candidate in (annotation, *typing.get_args(annotation)):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None


def explained(config: type[BaseModel]) -> str:
    """The YAML of a configuration's defaults, every key with its explanation."""
    lines = [_HEAD.rstrip()]
    for name, field in config.model_fields.items():
        section = section_class(field.annotation)
        if section is not None:
            lines += [
                "",
                *_keyed(f"{name}:", _explanation(field, section)),
                *_lines(section, field.get_default(call_default_factory=True), "  "),
            ]
    return "\n".join(lines) + "\n"


def _lines(section: type[BaseModel], default: Any, indent: str) -> Iterator[str]:
    for name, field in section.model_fields.items():
        if SecretStr in (field.annotation, *typing.get_args(field.annotation)):
            continue
        value = getattr(default, name)
        nested = section_class(field.annotation)
        if nested is not None and isinstance(value, BaseModel):
            yield from _keyed(f"{indent}{name}:", _explanation(field, nested))
            yield from _lines(nested, value, indent + "  ")
        else:
            yield from _keyed(f"{indent}{name}: {_written(value)}", field.description or "")


def _explanation(field: FieldInfo, section: type[BaseModel]) -> str:
    """What a section is for: the field's words, or the first sentence of the class."""
    first = (section.__doc__ or "").strip().split("\n")[0].rstrip(".")
    is_name = any(letter.isupper() for letter in first.partition(" ")[0][1:])  # GAT, LightGCN
    return field.description or (first if is_name else first[:1].lower() + first[1:])


def _keyed(key: str, explanation: str) -> Iterator[str]:
    """The line of a key with its explanation beside it, continued below if it is longer."""
    beside = _wrapped(explanation, _WIDTH - max(_COLUMN, len(key) + 2) - 2) if len(key) < _LONG else []
    if not beside:
        yield key
        yield from (f"{'':<{_COLUMN}}# {line}" for line in _wrapped(explanation, _WIDTH - _COLUMN - 2))
        return
    yield f"{key:<{max(_COLUMN, len(key) + 2)}}# {beside[0]}"
    rest = explanation[len(beside[0]) :].strip()
    yield from (f"{'':<{_COLUMN}}# {line}" for line in _wrapped(rest, _WIDTH - _COLUMN - 2))


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)


def _written(value: Any) -> str:
    """A value in one line of YAML."""
    plain = _plain(value)
    text = yaml.safe_dump(plain, default_flow_style=True, width=10_000, allow_unicode=True, sort_keys=False)
    return text.removesuffix("\n").removesuffix("\n...")


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return {name: _plain(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


if __name__ == "__main__":
    from cartograph.settings import Config

    sys.stdout.write(explained(Config))
