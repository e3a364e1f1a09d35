"""Raw rows to canonical rows: one SQL expression per column, every value text."""

from __future__ import annotations

from pyspark.errors import AnalysisException
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from cartograph.core.tables.schema import table
from cartograph.ingest.inputs import CORRUPT, INTERNAL, POSITION
from cartograph.ingest.source import BOOKKEEPING, SourceError, TableMapping

BATCH = "batch_id"
FILE = "source_file"
UNTIL = "known_until"


def canonical_rows(raw: DataFrame, source: str, target: str, mapping: TableMapping) -> DataFrame:
    """Rows of bronze.<target> out of raw rows that carry `batch_id`, `source_file`, `known_until` and their position.

    `row_id` is the batch and the row's position in its file, or the batch and the group for grouped rows. Rows of a
    table have no batch yet; there a group is identified by all its values, so that it is new again when they change.

    Raises:
        SourceError: an expression does not fit the input's columns; the message names the canonical column.
    """
    kept = _where(raw, target, mapping)
    if not mapping.group_by:
        row_id = F.concat_ws(":", BATCH, POSITION)
        return _select(kept, target, {"source": F.lit(source), "row_id": row_id, **_expressions(target, mapping)})
    keys = {name: _column(target, name, mapping.columns[name]).alias(f"__{name}") for name in mapping.group_by}
    others = {name: text for name, text in mapping.columns.items() if name not in keys}
    try:
        grouped = kept.groupBy(BATCH, FILE, UNTIL, *keys.values()).agg(
            *[_column(target, n, t).alias(n) for n, t in others.items()]
        )
    except AnalysisException as error:
        raise _wrong(target, ", ".join(others), error) from error
    of_group = [F.coalesce(f"__{name}", F.lit("\x00")) for name in keys]
    values = F.when(F.col(BATCH).isNull(), F.to_json(F.struct(*others)))
    group = F.md5(F.concat_ws("\x1f", *of_group, values))
    named = {**{name: F.col(f"__{name}") for name in keys}, **{name: F.col(name) for name in others}}
    return _select(grouped, target, {"source": F.lit(source), "row_id": F.concat_ws(":", BATCH, group), **named})


def corrupt_rows(raw: DataFrame, source: str) -> DataFrame:
    """Rows of bronze.quarantine: the lines of persisted raw rows that could not be read."""
    return raw.where(F.col(CORRUPT).isNotNull()).select(
        F.lit(source).alias("source"),
        BATCH,
        FILE,
        F.concat_ws(":", BATCH, POSITION).alias("row_id"),
        F.lit("the line cannot be read").alias("reason"),
        F.col(CORRUPT).alias("raw"),
    )


def row_contents(rows: DataFrame) -> Column:
    """The content of a raw row as text, equal for equal rows in any order of the columns."""
    names = sorted(name for name in rows.columns if name not in (*INTERNAL, *BOOKKEEPING))
    return F.to_json(F.struct(*[F.col(f"`{name}`") for name in names]), {"ignoreNullFields": "false"})


def _where(raw: DataFrame, target: str, mapping: TableMapping) -> DataFrame:
    readable = raw.where(F.col(CORRUPT).isNull()).drop(CORRUPT)
    if mapping.where is None:
        return readable
    try:
        return readable.where(mapping.where)
    except AnalysisException as error:
        raise _wrong(target, "where", error) from error


def _expressions(target: str, mapping: TableMapping) -> dict[str, Column]:
    return {name: _column(target, name, text) for name, text in mapping.columns.items()}


def _column(target: str, name: str, text: str) -> Column:
    """The canonical column's expression, cast to the type of the table: text or a map."""
    column_type = table(f"bronze.{target}").columns[name].dataType
    try:
        return F.expr(text).cast(column_type)
    except AnalysisException as error:
        raise _wrong(target, name, error) from error


def _select(rows: DataFrame, target: str, known: dict[str, Column]) -> DataFrame:
    """All columns of the table, null where nothing is declared; an error names the wrong expression."""
    fields = table(f"bronze.{target}").columns
    columns = [_known_or_null(field, known).alias(field.name) for field in fields]
    try:
        return rows.select(*columns)
    except AnalysisException as error:
        for name, column in known.items():
            try:
                rows.select(column)
            except AnalysisException as one:
                raise _wrong(target, name, one) from error
        raise


def _known_or_null(field: T.StructField, known: dict[str, Column]) -> Column:
    if field.name in (BATCH, FILE, UNTIL):
        return F.col(field.name)
    return known.get(field.name, F.lit(None).cast(field.dataType))


def _wrong(target: str, name: str, error: AnalysisException) -> SourceError:
    return SourceError(f"the expression of {target}.{name} does not fit the input: {str(error).splitlines()[0]}")
