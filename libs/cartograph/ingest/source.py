"""What a source declares: its inputs, their columns, and an expression for each canonical column."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from cartograph.core.errors import UserError
from cartograph.core.schema import columns_of

BOOKKEEPING = ("source", "batch_id", "source_file", "row_id")  # filled by ingest, never by a declaration
ColumnType = Literal["string", "long", "double", "boolean", "date", "timestamp", "map", "any"]
TextFormat = ("csv", "json")
TableFormat = ("delta", "jdbc")


class SourceError(UserError):
    """A source's declaration is missing or wrong; the message lists every problem."""


def _as_text(value: Any) -> Any:
    """YAML's true, 1 or 0.5 as the text that was meant: options and expressions are text."""
    return str(value).lower() if isinstance(value, bool) else str(value) if isinstance(value, int | float) else value


Text = Annotated[str, BeforeValidator(_as_text)]


class _Declaration(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Input(_Declaration):
    """One set of files with the same columns, or one table.

    `path` lies below the path given to the job ("" is that path itself; globs are allowed), `options` go to Spark's
    reader, `columns` are those that must be there, `optional` those that may be. For `delta` the path is the table's
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
        """Whether values arrive as text, so that their types can only be tried."""
        return self.format in TextFormat

    @property
    def is_table(self) -> bool:
        """Whether it is a table (rows are told apart) and not files (files are told apart)."""
        return self.format in TableFormat


class Mapping(_Declaration):
    """How the rows of one bronze table come out of an input.

    `where` keeps rows, `join` adds the columns of small inputs (input name -> column both have), `columns` gives the
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
    events: Mapping | None = None
    products: Mapping | None = None
    users: Mapping | None = None

    @property
    def mappings(self) -> dict[str, Mapping]:
        """The declared mappings by target (`events`, `products`, `users`)."""
        declared = {"events": self.events, "products": self.products, "users": self.users}
        return {target: mapping for target, mapping in declared.items() if mapping is not None}

    @model_validator(mode="after")
    def _consistent(self) -> Source:
        problems = [problem for target, mapping in self.mappings.items() for problem in self._problems(target, mapping)]
        if not self.mappings:
            problems.append("none of events, products, users is declared")
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _problems(self, target: str, mapping: Mapping) -> Iterator[str]:
        """What is wrong with one mapping, in words."""
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
        values: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
        return Source.model_validate({"name": name, **(values or {})})
    except (yaml.YAMLError, TypeError) as error:
        raise SourceError(f"{path} is not a YAML mapping: {error}") from error
    except ValidationError as error:
        raise SourceError(f"{path} is wrong:\n" + "\n".join(f"  - {line}" for line in _explained(error))) from error


def _explained(error: ValidationError) -> Iterator[str]:
    """One line per problem, unknown keys with the nearest known one."""
    known = [*Source.model_fields, *Input.model_fields, *Mapping.model_fields]
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
