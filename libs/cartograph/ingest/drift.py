"""Schema drift: the columns of an input compared with those its source declares, before anything is written."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from cartograph.core.cleaning.declaration import Cleaning, date_setting, number_setting
from cartograph.core.cleaning.values import instant, number
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
SAMPLED_ROWS = 1000  # Lines of a text file whose values are cast to the declared types.
_MOST = 0.5  # A text column has another type if more than this share of its values cannot be cast.
_EXAMPLES = 5  # Values shown of a column that has another type.


class SchemaDrift(UserError):
    """An input's columns are not those declared; the message names each column and what was found instead."""


@dataclass(frozen=True)
class Comparison:
    """The differences in one file or table: `problems` stop the run, `notices` do not."""

    problems: tuple[str, ...]
    notices: tuple[str, ...]


def respelled(found: Sequence[str], declared: Input) -> dict[str, str]:
    """Columns found under another spelling of a declared name (case, surrounding blanks), with that name.

    Names that are found as declared, or under several spellings, are left alone.
    """
    lacking = {_folded(name): name for name in declared.types if name not in found}
    spellings = [name for name in found if name not in declared.types and _folded(name) in lacking]
    folded = [_folded(name) for name in spellings]
    return {name: lacking[_folded(name)] for name in spellings if folded.count(_folded(name)) == 1}


def _folded(name: str) -> str:
    """A column's name without differences of case and blanks; the first one may follow a byte order mark."""
    return " ".join(name.removeprefix("\ufeff").split()).casefold()


def compare(
    name: str,
    found: T.StructType,
    declared: Input,
    sample: DataFrame | None = None,
    cleaning: Cleaning = Cleaning(),  # noqa: B008 - frozen
) -> Comparison:
    """Missing, renamed and retyped columns of `name` as problems, new ones as notices.

    The values of a text format have no type, so those of `sample` are cast as the source declares them to be written.
    """
    present = {field.name: field.dataType for field in found}
    missing = [column for column in declared.columns if column not in present]
    new = [column for column in present if column not in declared.types]
    problems = [_missing(name, column, list(present), new) for column in missing]
    if declared.is_text and sample is not None:
        problems += _nested(name, declared, present)
        problems += _uncastable(name, sample, declared, present, cleaning)
    elif not declared.is_text:
        problems += _retyped(name, declared, present)
    return Comparison(tuple(problems), tuple(f"{name}: new column {column!r} is not used" for column in new))


def refuse(comparisons: list[Comparison]) -> None:
    """Raises if any input has drifted.

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
    """Columns whose stored type is not the declared one; other widths of the same kind of number are accepted."""
    return [
        f"{name}: column {column!r} is {present[column].simpleString()}, declared {declared_type}"
        for column, declared_type in declared.types.items()
        if column in present and not isinstance(present[column], _ACCEPTED[declared_type])
    ]


def _nested(name: str, declared: Input, present: Mapping[str, T.DataType]) -> list[str]:
    """Columns of JSON that hold objects or lists where one value is declared."""
    is_nested = (T.StructType, T.ArrayType)
    return [
        f"{name}: column {column!r} is {present[column].simpleString()}, declared {declared_type}"
        for column, declared_type in declared.types.items()
        if declared_type not in ("map", "any") and column in present and isinstance(present[column], is_nested)
    ]


def _uncastable(
    name: str, sample: DataFrame, declared: Input, present: Mapping[str, T.DataType], cleaning: Cleaning
) -> list[str]:
    """Text columns most of whose values are not of the declared type."""
    typed = [c for c, t in declared.types.items() if t in SQL_TYPE and isinstance(present.get(c), T.StringType)]
    if not typed:
        return []
    values = {c: (F.col(f"`{c}`"), _cast(f"`{c}`", declared.types[c], cleaning)) for c in typed}
    counts = sample.agg(
        *[F.count(text).alias(f"n_{i}") for i, (text, _) in enumerate(values.values())],
        *[F.count(value).alias(f"cast_{i}") for i, (_, value) in enumerate(values.values())],
        *[
            F.slice(F.collect_set(F.when(value.isNull(), text)), 1, _EXAMPLES).alias(f"wrong_{i}")
            for i, (text, value) in enumerate(values.values())
        ],
    ).first()
    assert counts is not None
    return [
        f"{name}: column {column!r} does not hold {declared.types[column]} values, for example "
        f"{min(counts[f'wrong_{i}'])!r}{_remedy(declared.types[column], counts[f'wrong_{i}'])}"
        for i, column in enumerate(typed)
        if counts[f"n_{i}"] - counts[f"cast_{i}"] > _MOST * counts[f"n_{i}"]
    ]


def _cast(column: str, declared_type: str, cleaning: Cleaning) -> Column:
    """The column's text as the declared type, or null; dates and numbers as the source writes them."""
    if declared_type in ("date", "timestamp") and cleaning.dates != "iso":
        return instant(column, cleaning)
    if declared_type in ("long", "double") and (cleaning.decimals, cleaning.thousands) != ("point", "none"):
        return number(column, cleaning)
    return F.col(column).try_cast(SQL_TYPE[declared_type])


def _remedy(declared_type: str, examples: list[str]) -> str:
    """The declaration that would read such values, if there is one."""
    setting: Callable[[list[str]], str | None] = (
        date_setting if declared_type in ("date", "timestamp") else number_setting
    )
    found = setting(examples) if declared_type != "boolean" else None
    return f"; declare cleaning: {{{found}}} if they are written this way" if found else ""
