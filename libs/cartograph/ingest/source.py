"""What a source declares: its inputs, their columns, and an expression for each canonical column."""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from cartograph.core.cleaning.declaration import Cleaning
from cartograph.core.errors import UserError
from cartograph.core.tables.schema import columns_of

# Filled by ingest, never by a declaration.
BOOKKEEPING = ("source", "batch_id", "source_file", "row_id", "known_until")
ColumnType = Literal["string", "long", "double", "boolean", "date", "timestamp", "map", "any"]
TextFormat = ("csv", "json")
TableFormat = ("delta", "jdbc")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")  # Ids in silver begin with it: no colon, no blank.


class SourceError(UserError):
    """A source's declaration is missing or wrong; the message lists every problem."""


def _as_text(value: Any) -> Any:
    """YAML's true, 1 or 0.5 as the text that was written: options and expressions are text."""
    return str(value).lower() if isinstance(value, bool) else str(value) if isinstance(value, int | float) else value


Text = Annotated[str, BeforeValidator(_as_text)]


class _Declaration(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Input(_Declaration):
    """One set of files with the same columns, or one table.

    `path` is below the path given to the job ("" is that path itself; globs are allowed), `options` are passed to
    Spark's reader, `columns` are required, `optional` ones may be missing. For `delta` the path is the table's
    folder, for `jdbc` the path is the connection's URL unless `options.url` gives it.
    """

    format: Literal["csv", "json", "parquet", "delta", "jdbc"]
    columns: Annotated[dict[str, ColumnType], Field(min_length=1)]
    path: str = ""
    options: dict[str, Text] = {}
    optional: dict[str, ColumnType] = {}

    @property
    def types(self) -> dict[str, ColumnType]:
        """The declared type of every column, optional ones included."""
        return {**self.columns, **self.optional}

    @property
    def is_text(self) -> bool:
        """Whether values are text, so that their types are only known by casting them."""
        return self.format in TextFormat

    @property
    def is_table(self) -> bool:
        """Whether it is a table, whose rows are identified, and not files, which are identified as a whole."""
        return self.format in TableFormat


class TableMapping(_Declaration):
    """How the rows of one bronze table are made from an input.

    `where` filters rows, `join` adds the columns of small inputs (input name -> column both have), `columns` gives the
    SQL expression per canonical column. With `group_by` (canonical columns) there is one row per group and batch, and
    the other expressions are aggregates.
    """

    input: str
    columns: Annotated[dict[str, Text], Field(min_length=1)]
    where: Text | None = None
    join: dict[str, str] = {}
    group_by: tuple[str, ...] = ()


class Source(_Declaration):
    """One source: its inputs by name, and the bronze tables that they feed."""

    name: str
    about: str
    inputs: Annotated[dict[str, Input], Field(min_length=1)]
    events: TableMapping | None = None
    products: TableMapping | None = None
    users: TableMapping | None = None
    cleaning: Cleaning = Cleaning()

    def declared(self, target: str) -> str:
        """A digest of everything that determines the rows of bronze.<target> and how they are read."""
        mapping = self.mappings[target]
        used = [self.inputs[name].model_dump_json() for name in (mapping.input, *mapping.join)]
        parts = [mapping.model_dump_json(), self.cleaning.model_dump_json(), *used]
        return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:16]

    @property
    def mappings(self) -> dict[str, TableMapping]:
        """The declared mappings by target (`events`, `products`, `users`)."""
        declared = {"events": self.events, "products": self.products, "users": self.users}
        return {target: mapping for target, mapping in declared.items() if mapping is not None}

    @model_validator(mode="after")
    def _consistent(self) -> Source:
        problems = [problem for target, mapping in self.mappings.items() for problem in self._problems(target, mapping)]
        if not self.mappings:
            problems.append("none of events, products, users is declared")
        if not _NAME.fullmatch(self.name):
            problems.append(f"the name of a source consists of letters, digits, _, - and ., unlike {self.name!r}")
        if self.events is not None:
            parts = [part for part in self.cleaning.orders_per if part != "day" and part not in self.events.columns]
            problems += [f"cleaning.orders_per names {part}, which events.columns does not define" for part in parts]
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _problems(self, target: str, mapping: TableMapping) -> Iterator[str]:
        """The problems of one mapping."""
        for name in (mapping.input, *mapping.join):
            if name not in self.inputs:
                yield f"{target} reads input {name!r}{_nearest(name, list(self.inputs))}"
        canonical = [column for column in columns_of(f"bronze.{target}") if column not in BOOKKEEPING]
        for column in mapping.columns:
            if column not in canonical:
                yield f"{target}.columns has no canonical column {column!r}{_nearest(column, canonical)}"
        for column in mapping.group_by:
            if column not in mapping.columns:
                yield f"{target}.group_by names {column!r}, which {target}.columns does not define"


def load_source(name: str, folder: Path) -> Source:
    """The checked declaration `<folder>/<name>.yml`.

    Raises:
        SourceError: there is no such file, it is not YAML, or it declares something unknown or inconsistent.
    """
    path = folder / f"{name}.yml"
    if not path.is_file():
        known = sorted(file.stem for file in folder.glob("*.yml") if file.stem != "template")
        raise SourceError(f"there is no source {name!r}{_nearest(name, known)} (looked for {path})")
    try:
        values: Any = yaml.load(path.read_text(encoding="utf-8"), _Loader)
        return Source.model_validate({"name": name, **(values or {})})
    except (yaml.YAMLError, TypeError) as error:
        raise SourceError(f"{path} cannot be read as YAML: {error}") from error
    except ValidationError as error:
        raise SourceError(f"{path} is wrong:\n" + "\n".join(f"  - {line}" for line in _explained(error))) from error


class _Loader(yaml.SafeLoader):
    """YAML that refuses bare yes, no, on and off: they may be names of columns, and YAML reads them as booleans."""

    def construct_yaml_bool(self, node: yaml.ScalarNode) -> bool:
        """True or false, written as such."""
        if node.value.lower() not in ("true", "false"):
            problem = f'a bare {node.value} is a boolean in YAML, not text: put it in quotes, "{node.value}"'
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)
        return super().construct_yaml_bool(node)


_Loader.add_constructor("tag:yaml.org,2002:bool", _Loader.construct_yaml_bool)


def _explained(error: ValidationError) -> Iterator[str]:
    """One line per problem; unknown keys with the nearest known one."""
    known = [name for part in (Source, Input, TableMapping, Cleaning) for name in part.model_fields]
    for detail in error.errors(include_url=False):
        place = ".".join(str(part) for part in detail["loc"])
        if detail["type"] == "extra_forbidden":
            yield f"unknown key {place}{_nearest(str(detail['loc'][-1]), known)}"
        else:
            yield f"{place}: {detail['msg']}" if place else detail["msg"].removeprefix("Value error, ")


def _nearest(name: str, known: list[str]) -> str:
    """`; did you mean …?` or the known names."""
    matches = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f"; did you mean {matches[0]}?" if matches else f"; there are {', '.join(known) or 'none'}"
