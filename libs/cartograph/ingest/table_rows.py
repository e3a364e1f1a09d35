"""New rows of a table (Delta, JDBC): those whose content bronze does not hold yet."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from pyspark import StorageLevel
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from cartograph.ingest import bronze
from cartograph.ingest.failures import SPARK_ERRORS, cause
from cartograph.ingest.files import InputNotFound
from cartograph.ingest.inputs import CORRUPT, POSITION, table_name
from cartograph.ingest.source import Source


@dataclass(frozen=True)
class Batch:
    """The content of one file, or the new rows of a table; `content_id` is the same under every declaration."""

    batch_id: str
    content_id: str
    source_file: str
    n_read: int = 0
    n_quarantined: int = 0
    unreadable: str | None = None


@dataclass(frozen=True)
class NewRows:
    """New rows of one bronze table, the lines that could not be read, and their batches."""

    target: str
    batches: tuple[Batch, ...]
    rows: DataFrame | None
    quarantine: DataFrame | None


def batch_id(*parts: str) -> str:
    """The id of a batch: a digest of the source, the table and the content."""
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:32]


@contextmanager
def new_of_table(
    source: Source, target: str, path: str, raw: DataFrame, stored: DataFrame | None, until: datetime | None
) -> Iterator[NewRows]:
    """The rows of a table that bronze.<target> does not hold, read once and kept within the block.

    Equal rows are numbered, so that a third equal row is new where two are stored.

    Args:
        path: of the table.
        raw: its rows.
        stored: row_id of the rows of this source in bronze.<target>; None where there is no such table.
        until: nothing in the table can have happened from then on.
    """
    mapping = source.mappings[target]
    declared = source.inputs[mapping.input]
    name = table_name(declared, path)
    rows = bronze.canonical_rows(_marked(source, target, raw, name, until), source.name, target, mapping)
    if stored is not None:
        rows = rows.join(stored, "row_id", "left_anti")
    rows = rows.persist(StorageLevel.DISK_ONLY)
    try:
        try:
            hashes = [F.bit_xor(F.xxhash64("row_id", F.lit(seed))) for seed in (0, 1)]
            digest = rows.agg(F.count("*").alias("n"), *hashes).collect()[0]
        except SPARK_ERRORS as error:
            raise InputNotFound(f"{name} cannot be read: {cause(error)}") from error
        if digest["n"] == 0:
            yield NewRows(target, (), None, None)
            return
        content = batch_id(source.name, target, *[str(value) for value in digest])
        batch = batch_id(content, source.declared(target))
        known = (Batch(batch, content, name, digest["n"]),)
        yield NewRows(target, known, rows.withColumn(bronze.BATCH, F.lit(batch)), None)
    finally:
        rows.unpersist()


def _marked(source: Source, target: str, raw: DataFrame, name: str, until: datetime | None) -> DataFrame:
    """Raw rows with the columns that rows of files have; their position is their content and its occurrence."""
    content = F.md5(F.concat_ws("\x1f", F.lit(source.name), F.lit(target), bronze.row_contents(raw)))
    occurrence = F.row_number().over(Window.partitionBy(POSITION).orderBy(F.lit(0)))
    null = F.lit(None).cast("string")
    marked = raw.select("*", content.alias(POSITION), null.alias(CORRUPT))
    marked = marked.withColumn(POSITION, F.concat_ws("-", POSITION, occurrence))
    known_until = F.lit(until).cast("timestamp").alias(bronze.UNTIL)
    return marked.select("*", null.alias(bronze.BATCH), F.lit(name).alias(bronze.FILE), known_until)
