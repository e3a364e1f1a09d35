"""Inputs as they are: files with the position of every row, and tables as a whole."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from cartograph.core.cleaning.declaration import Cleaning
from cartograph.core.redaction import redacted_text
from cartograph.ingest import drift
from cartograph.ingest.failures import SPARK_ERRORS, cause
from cartograph.ingest.files import InputFile, InputNotFound
from cartograph.ingest.source import Input, SourceError

CORRUPT = "__corrupt"  # The whole line, if it could not be read.
URI = "__uri"  # The file of a row.
POSITION = "__position"  # The position of a row in its file, the same in every run.
SLASHES, SLASH = ":/+", ":/"  # `file:/a` and `file:///a` are spellings of the same file.
INTERNAL = (CORRUPT, URI, POSITION)

_PROBES = 8  # Files probed concurrently.
_SPLIT_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True)
class Probe:
    """The columns of a file, or why it cannot be read, and how it drifted.

    `schema` has the columns as the file spells them, `names` the declared name of each.
    """

    file: InputFile
    schema: T.StructType | None
    unreadable: str | None
    comparison: drift.Comparison
    names: tuple[str, ...] = ()


def reader_options(declared: Input) -> dict[str, str]:
    """The declared reader options; `${NAME}` is replaced by that environment variable (a password, say).

    Raises:
        SourceError: the environment variable is not set.
    """

    def value(match: re.Match[str]) -> str:
        if match[1] not in os.environ:
            raise SourceError(f"the source's options need the environment variable {match[1]}, which is not set")
        return os.environ[match[1]]

    return {name: re.sub(r"\$\{(\w+)\}", value, text) for name, text in declared.options.items()}


def probe(spark: SparkSession, declared: Input, files: Sequence[InputFile], cleaning: Cleaning) -> list[Probe]:
    """Per file its columns and how they differ from those declared: a footer, a header, or one pass over JSON."""
    with ThreadPoolExecutor(_PROBES) as probes:
        return list(probes.map(lambda file: _probe(spark, declared, file, cleaning), files))


def _probe(spark: SparkSession, declared: Input, file: InputFile, cleaning: Cleaning) -> Probe:
    nothing = drift.Comparison((), ())
    try:
        rows = _first_rows(spark, declared, file)
        fields = [field for field in rows.schema if field.name != CORRUPT]
        if not fields:
            return Probe(file, None, "the file is empty or holds no readable line", nothing)
        respelled = drift.respelled([field.name for field in fields], declared)
        names = tuple(respelled.get(field.name, field.name) for field in fields)
        schema = T.StructType([_as_declared(field, name, declared) for field, name in zip(fields, names, strict=True)])
        rows = rows.withColumnsRenamed(respelled)
        found = drift.compare(file.name, _renamed(schema, names), declared, rows, cleaning)
        notices = [f"{file.name}: column {one!r} is read as {other!r}" for one, other in respelled.items()]
        return Probe(file, schema, None, drift.Comparison(found.problems, (*notices, *found.notices)), names)
    except SPARK_ERRORS as error:
        return Probe(file, None, f"the file cannot be read as {declared.format}: {cause(error)}", nothing)


def _first_rows(spark: SparkSession, declared: Input, file: InputFile) -> DataFrame:
    """The first rows of a file, with all its columns."""
    options = reader_options(declared)
    if declared.format != "json":
        return spark.read.format(declared.format).options(**options).load(file.uri).limit(drift.SAMPLED_ROWS)
    options |= {"primitivesAsString": "true", "columnNameOfCorruptRecord": CORRUPT}
    lines = spark.read.text(file.uri).limit(drift.SAMPLED_ROWS).collect()
    texts = spark.sparkContext.parallelize([line["value"] for line in lines], 1)
    rows = spark.read.options(**options).json(texts)
    if len(lines) < drift.SAMPLED_ROWS or set(declared.columns) <= set(rows.columns):
        return rows
    # A column may be empty, and so left out, in all of the first lines: then the whole file is read.
    return spark.read.options(**options).json(file.uri).limit(drift.SAMPLED_ROWS)


def _renamed(schema: T.StructType, names: Sequence[str]) -> T.StructType:
    return T.StructType([T.StructField(name, field.dataType) for name, field in zip(names, schema, strict=True)])


def _as_declared(field: T.StructField, name: str, declared: Input) -> T.StructField:
    """The type that a column is read with: a JSON object is a map if it is declared as one."""
    is_object = declared.format == "json" and declared.types.get(name) == "map"
    return T.StructField(field.name, T.MapType(T.StringType(), T.StringType())) if is_object else field


def read_files(spark: SparkSession, declared: Input, probes: Sequence[Probe]) -> DataFrame:
    """All rows of the readable files: their columns, the corrupt line (text formats), the file and the position.

    Columns that only some of the files have are null in the others.
    """
    by_schema: dict[str, list[Probe]] = {}
    for found in probes:
        if found.schema is not None:
            by_schema.setdefault(found.schema.json() + "".join(found.names), []).append(found)
    frames = [_read_same(spark, declared, same) for same in by_schema.values()]
    together = frames[0]
    for frame in frames[1:]:
        together = together.unionByName(frame, allowMissingColumns=True)
    return together


def _read_same(spark: SparkSession, declared: Input, same: Sequence[Probe]) -> DataFrame:
    """The rows of files that have the same columns."""
    assert same[0].schema is not None
    schema = _with_optional(declared, same[0].schema, same[0].names)
    declared_name = dict(zip(same[0].schema.names, same[0].names, strict=True))
    uris = [found.file.uri for found in same]
    reader = spark.read.format(declared.format).options(**reader_options(declared))
    if not declared.is_text:
        rows = reader.schema(schema).load(uris)  # Columns that the files lack are null.
        position = F.col("_metadata.row_index").cast("string")
        placed = rows.select("*", F.lit(None).cast("string").alias(CORRUPT), *_place(position))
        return placed.withColumnsRenamed(declared_name)
    # Pruned columns would not be parsed, and a line with too few columns would pass for a complete one.
    reader = reader.options(mode="PERMISSIVE", columnNameOfCorruptRecord=CORRUPT, columnPruning="false")
    rows = reader.schema(T.StructType([*schema.fields, T.StructField(CORRUPT, T.StringType())])).load(uris)
    in_split = F.monotonically_increasing_id().bitwiseAND(F.lit((1 << 33) - 1))
    position = F.concat_ws("-", F.col("_metadata.file_block_start"), in_split)
    return rows.select("*", *_place(position)).withColumnsRenamed(declared_name)


def _with_optional(declared: Input, found: T.StructType, names: Sequence[str]) -> T.StructType:
    """The columns found, then the optional ones that were not found under any spelling."""
    of_type = {"map": "map<string,string>", "any": "string", **drift.SQL_TYPE}
    optional = declared.optional.items()
    is_text = declared.is_text
    types = {name: "string" if is_text and kind != "map" else of_type.get(kind, kind) for name, kind in optional}
    lacking = [T.StructField(name, T.DataType.fromDDL(kind)) for name, kind in types.items() if name not in names]
    return T.StructType([*found.fields, *lacking])


def same_spelling(uri: str) -> str:
    """A file's URI as `__uri` spells it."""
    return re.sub(SLASHES, SLASH, uri)


def _place(position: Column) -> list[Column]:
    return [F.regexp_replace("_metadata.file_path", SLASHES, SLASH).alias(URI), position.alias(POSITION)]


@contextmanager
def fixed_splits(spark: SparkSession) -> Iterator[None]:
    """Within the block, files are split at the same offsets on every machine, and a task reads exactly one split.

    Spark splits by the number of cores and packs splits together. If opening a file costs as much as the largest split,
    it does neither, so a row's number within its split is the same in every run.
    """
    settings = {"spark.sql.files.maxPartitionBytes": _SPLIT_BYTES, "spark.sql.files.openCostInBytes": _SPLIT_BYTES}
    before = {key: spark.conf.get(key) for key in settings}
    for key, value in settings.items():
        spark.conf.set(key, value)
    try:
        yield
    finally:
        for key, old in before.items():
            spark.conf.set(key, str(old))


def read_table(spark: SparkSession, declared: Input, path: str) -> tuple[DataFrame, drift.Comparison]:
    """A Delta or JDBC table as it is now, and how its columns differ from those declared.

    Raises:
        InputNotFound: there is no such table, or its database cannot be reached.
    """
    options = reader_options(declared)
    name = table_name(declared, path)
    try:
        if declared.format == "jdbc":
            rows = spark.read.format("jdbc").options(**{"url": path, **options}).load()
        else:
            rows = spark.read.format("delta").options(**options).load(path)
    except SPARK_ERRORS as error:
        raise InputNotFound(f"{name} cannot be read as {declared.format}: {cause(error)}") from error
    respelled = drift.respelled(rows.columns, declared)
    rows = rows.withColumnsRenamed(respelled)
    found = drift.compare(name, rows.schema, declared)
    notices = [f"{name}: column {one!r} is read as {other!r}" for one, other in respelled.items()]
    return rows, drift.Comparison(found.problems, (*notices, *found.notices))


def table_name(declared: Input, path: str) -> str:
    """The name of a table in messages and in `source_file`: its folder, or its database and name; no password."""
    if declared.format != "jdbc":
        return redacted_text(path)
    database = re.split(r"[?;]", declared.options.get("url", path))[0]
    return redacted_text(f"{database} {declared.options.get('dbtable', 'query')}")
