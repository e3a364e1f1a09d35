"""Schema drift: the columns an input has against those its source declares, told before anything is written."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from cartograph.core.errors import UserError
from cartograph.ingest.source import Input

_WHOLE = (T.ByteType, T.ShortType, T.IntegerType, T.LongType)
_ACCEPTED: Mapping[str, tuple[type[T.DataType], ...]] = {
    "string": (T.StringType,),
    "long": _WHOLE,
    "double": (T.FloatType, T.DoubleType, T.DecimalType, *_WHOLE),
    "boolean": (T.BooleanType,),
    "date": (T.DateType,),
    "timestamp": (T.TimestampType, T.TimestampNTZType),
    "map": (T.MapType, T.StructType),
    "any": (T.DataType,),
}
SQL_TYPE = {"long": "bigint", "double": "double", "boolean": "boolean", "date": "date", "timestamp": "timestamp"}
SAMPLED_ROWS = 1000  # lines of a text file whose values are tried against the declared types
_MOST = 0.5  # a text column is another type when more than this share of its values cannot be cast


class SchemaDrift(UserError):
    """An input's columns are not those declared; the message names each column and what was found instead."""


@dataclass(frozen=True)
class Comparison:
    """What differs in one file or table: `problems` stop the run, `notices` do not."""

    problems: tuple[str, ...]
    notices: tuple[str, ...]


def compare(name: str, found: T.StructType, declared: Input, sample: DataFrame | None = None) -> Comparison:
    """Missing, renamed and retyped columns of `name` as problems, new ones as notices.

    The values of a text format have no type of their own, so they are tried on the rows of `sample`.
    """
    present = {field.name: field.dataType for field in found}
    missing = [column for column in declared.columns if column not in present]
    new = [column for column in present if column not in declared.types]
    problems = [_missing(name, column, list(present), new) for column in missing]
    if declared.is_text and sample is not None:
        problems += _nested(name, declared, present)
        problems += _unlike_values(name, sample, declared, present)
    elif not declared.is_text:
        problems += _retyped(name, declared, present)
    return Comparison(tuple(problems), tuple(f"{name}: new column {column!r} is not used" for column in new))


def refuse(comparisons: list[Comparison]) -> None:
    """Raises when any input drifted.

    Raises:
        SchemaDrift: with every problem of every input.
    """
    problems = [problem for comparison in comparisons for problem in comparison.problems]
    if problems:
        raise SchemaDrift("the input is not what the source declares:\n" + "\n".join(f"  - {p}" for p in problems))


def _missing(name: str, column: str, present: list[str], new: list[str]) -> str:
    """A missing column, with the nearest undeclared name: it may have been renamed."""
    folded = {candidate.lower().replace("_", " "): candidate for candidate in new}
    nearest = difflib.get_close_matches(column.lower().replace("_", " "), list(folded), n=1, cutoff=0.5)
    renamed = f"; was it renamed to {folded[nearest[0]]!r}?" if nearest else ""
    return f"{name}: column {column!r} is missing{renamed} (columns found: {', '.join(present)})"


def _retyped(name: str, declared: Input, present: Mapping[str, T.DataType]) -> list[str]:
    """Columns whose stored type is not the declared one; a wider or narrower number of the same kind is fine."""
    return [
        f"{name}: column {column!r} is {present[column].simpleString()}, declared {wanted}"
        for column, wanted in declared.types.items()
        if column in present and not isinstance(present[column], _ACCEPTED[wanted])
    ]


def _nested(name: str, declared: Input, present: Mapping[str, T.DataType]) -> list[str]:
    """Columns of JSON that hold objects or lists where one value is declared."""
    is_nested = (T.StructType, T.ArrayType)
    return [
        f"{name}: column {column!r} is {present[column].simpleString()}, declared {wanted}"
        for column, wanted in declared.types.items()
        if wanted not in ("map", "any") and column in present and isinstance(present[column], is_nested)
    ]


def _unlike_values(name: str, sample: DataFrame, declared: Input, present: Mapping[str, T.DataType]) -> list[str]:
    """Text columns whose values are mostly not of the declared type."""
    typed = {
        c: SQL_TYPE[t] for c, t in declared.types.items() if t in SQL_TYPE and isinstance(present.get(c), T.StringType)
    }
    if not typed:
        return []
    values = {c: (F.col(f"`{c}`"), F.col(f"`{c}`").try_cast(sql)) for c, sql in typed.items()}
    counts = sample.agg(
        *[F.count(text).alias(f"n_{i}") for i, (text, _) in enumerate(values.values())],
        *[F.count(value).alias(f"cast_{i}") for i, (_, value) in enumerate(values.values())],
        *[
            F.first(F.when(value.isNull(), text), ignorenulls=True).alias(f"wrong_{i}")
            for i, (text, value) in enumerate(values.values())
        ],
    ).first()
    assert counts is not None
    return [
        f"{name}: column {column!r} does not hold {declared.types[column]} values, for example {counts[f'wrong_{i}']!r}"
        for i, column in enumerate(typed)
        if counts[f"n_{i}"] - counts[f"cast_{i}"] > _MOST * counts[f"n_{i}"]
    ]
