"""What of a source is new: frames ready to append, checked as a whole before the first of them is written."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from cartograph.core.errors import UserError
from cartograph.core.schema import table
from cartograph.ingest import bronze, drift
from cartograph.ingest.files import InputFile, list_files
from cartograph.ingest.inputs import (
    CORRUPT,
    POSITION,
    SLASH,
    SLASHES,
    URI,
    Probe,
    fixed_splits,
    probe,
    read_files,
    read_table,
)
from cartograph.ingest.source import Mapping, Source

StoredRowIds = Callable[[str], DataFrame | None]


class TooManyUnreadable(UserError):
    """More of the input than allowed could not be read; nothing was written."""


@dataclass(frozen=True)
class Batch:
    """The content of one file, or the new rows of a table."""

    batch_id: str
    source_file: str
    n_read: int = 0
    n_quarantined: int = 0
    unreadable: str | None = None


@dataclass(frozen=True)
class NewRows:
    """New rows of one bronze table, what could not be read of them, and their batches."""

    target: str
    batches: tuple[Batch, ...]
    rows: DataFrame | None
    quarantine: DataFrame | None
    notices: tuple[str, ...] = ()


def new_rows(
    spark: SparkSession,
    source: Source,
    path: str,
    known: Collection[str],
    stored_row_ids: StoredRowIds,
    max_quarantined_share: float,
) -> list[NewRows]:
    """Per bronze table that the source feeds: what is there and not yet ingested.

    Args:
        path: where the source's inputs lie.
        known: batches that are ingested already.
        stored_row_ids: the `row_id`s that bronze.<target> holds of this source (None when empty), for tables.
        max_quarantined_share: the share of lines, and of files, that may be unreadable.

    Raises:
        InputNotFound: an input has no file.
        SchemaDrift: columns are missing, renamed or retyped.
        TooManyUnreadable: more than the allowed share cannot be read.
        SourceError: an expression does not fit the columns.
    """
    found: list[NewRows] = []
    comparisons: list[drift.Comparison] = []
    for target, mapping in source.mappings.items():
        declared = source.inputs[mapping.input]
        if declared.is_table:
            found.append(_new_of_table(spark, source, target, mapping, path, stored_row_ids, comparisons))
        else:
            found.append(_new_of_files(spark, source, target, mapping, path, known, comparisons))
    drift.refuse(comparisons)
    for new in found:
        _refuse_unreadable(new, max_quarantined_share)
    return found


def located(path: str, below: str) -> str:
    """The place of an input: `below` under `path`, or `path` itself when `below` is empty."""
    return f"{path.rstrip('/')}/{below}" if below else path


def _new_of_files(
    spark: SparkSession,
    source: Source,
    target: str,
    mapping: Mapping,
    path: str,
    known: Collection[str],
    comparisons: list[drift.Comparison],
) -> NewRows:
    """The rows of files whose content has not been ingested yet."""
    declared = source.inputs[mapping.input]
    joined = {name: list_files(spark, located(path, source.inputs[name].path)) for name in mapping.join}
    salt = [file.digest for files in joined.values() for file in files]
    ids = {_batch_id(source, target, file.digest, *salt): file for file in list_files(spark, located(path, declared.path))}
    new = {batch_id: file for batch_id, file in ids.items() if batch_id not in known}
    if not new:
        return NewRows(target, (), None, None)
    probes = probe(spark, declared, list(new.values()))
    lookups = {name: probe(spark, source.inputs[name], files) for name, files in joined.items()}
    found = [p.comparison for p in (*probes, *(p for ps in lookups.values() for p in ps))]
    comparisons += found
    notices = tuple(dict.fromkeys(notice for comparison in found for notice in comparison.notices))
    if any(comparison.problems for comparison in found):
        return NewRows(target, (), None, None, notices)
    raw = _with_batches(spark, read_files(spark, declared, probes), new) if any(p.schema for p in probes) else None
    batches = _counted(spark, raw, new, probes, countable=declared.is_text)
    if raw is None:
        return NewRows(target, batches, None, _unreadable_files(spark, source.name, batches), notices)
    rows = bronze.canonical_rows(_joined(spark, source, mapping, raw, lookups), source.name, target, mapping)
    quarantine = _unreadable_files(spark, source.name, batches)
    if declared.is_text and any(batch.n_quarantined for batch in batches):
        corrupt = bronze.corrupt_rows(raw, source.name)
        quarantine = corrupt if quarantine is None else corrupt.unionByName(quarantine)
    return NewRows(target, batches, rows, quarantine, notices)


def _batch_id(source: Source, target: str, *digests: str) -> str:
    return hashlib.sha256("\x1f".join((source.name, target, *digests)).encode()).hexdigest()[:32]


def _with_batches(spark: SparkSession, raw: DataFrame, new: dict[str, InputFile]) -> DataFrame:
    """Raw rows with the batch and name of their file."""
    known = [(re.sub(SLASHES, SLASH, file.uri), batch_id, file.name) for batch_id, file in new.items()]
    batches = spark.createDataFrame(known, f"{URI} string, {bronze.BATCH} string, {bronze.FILE} string")
    return raw.join(F.broadcast(batches), URI, "left")  # a row without its batch is refused by the table, not lost


def _joined(
    spark: SparkSession, source: Source, mapping: Mapping, raw: DataFrame, lookups: dict[str, list[Probe]]
) -> DataFrame:
    """Raw rows with the columns of the small inputs that the mapping joins."""
    for name, column in mapping.join.items():
        lookup = read_files(spark, source.inputs[name], lookups[name]).drop(CORRUPT, URI, POSITION)
        raw = raw.join(F.broadcast(lookup), column, "left")
    return raw


def _counted(
    spark: SparkSession, raw: DataFrame | None, new: dict[str, InputFile], probes: Sequence[Probe], countable: bool
) -> tuple[Batch, ...]:
    """The batches with the lines read and unreadable in each (counted beforehand only where lines can be unreadable)."""
    unreadable = {found.file.uri: found.unreadable for found in probes}
    counts: dict[str, tuple[int, int]] = {}
    if raw is not None:
        corrupt = F.count(CORRUPT) if countable else F.lit(0)
        # Whether a line is corrupt depends on the columns asked for: writing them all makes Spark parse them all.
        parsed = F.max(F.length(bronze.row_contents(raw)))
        counts_of_batch = (F.count("*").alias("n_read"), corrupt.alias("n_corrupt"), parsed)
        with fixed_splits(spark):
            counted = raw.groupBy(bronze.BATCH).agg(*counts_of_batch).collect()
        counts = {row[bronze.BATCH]: (row["n_read"], row["n_corrupt"]) for row in counted}
    return tuple(
        Batch(batch_id, file.name, *counts.get(batch_id, (0, 0)), unreadable=unreadable[file.uri])
        for batch_id, file in new.items()
    )


def _unreadable_files(spark: SparkSession, source: str, batches: Sequence[Batch]) -> DataFrame | None:
    """Rows of bronze.quarantine: one per file that cannot be read at all."""
    rows = [(source, b.batch_id, b.source_file, f"{b.batch_id}:file", b.unreadable, None) for b in batches if b.unreadable]
    return spark.createDataFrame(rows, table("bronze.quarantine").columns) if rows else None


def _refuse_unreadable(new: NewRows, most: float) -> None:
    n_read, n_corrupt = sum(b.n_read for b in new.batches), sum(b.n_quarantined for b in new.batches)
    broken = [batch.source_file for batch in new.batches if batch.unreadable]
    if n_corrupt > most * n_read:
        raise TooManyUnreadable(
            f"{n_corrupt} of {n_read} lines for bronze.{new.target} cannot be read, more than "
            f"ingest.max_quarantined_share = {most:g} allows; nothing was written"
        )
    if len(broken) > most * len(new.batches):
        reasons = "; ".join(f"{b.source_file}: {b.unreadable}" for b in new.batches if b.unreadable)
        raise TooManyUnreadable(
            f"{len(broken)} of {len(new.batches)} files for bronze.{new.target} cannot be read, more than "
            f"ingest.max_quarantined_share = {most:g} allows; nothing was written ({reasons})"
        )


def _new_of_table(
    spark: SparkSession,
    source: Source,
    target: str,
    mapping: Mapping,
    path: str,
    stored_row_ids: StoredRowIds,
    comparisons: list[drift.Comparison],
) -> NewRows:
    """The rows of a table that bronze does not hold yet; equal rows are told apart by counting them."""
    declared = source.inputs[mapping.input]
    place = located(path, declared.path)
    raw, comparison = read_table(spark, declared, place)
    comparisons.append(comparison)
    if comparison.problems:
        return NewRows(target, (), None, None, comparison.notices)
    content = F.md5(F.concat_ws("\x1f", F.lit(source.name), F.lit(target), bronze.row_contents(raw)))
    occurrence = F.row_number().over(Window.partitionBy(POSITION).orderBy(F.lit(0)))
    marked = raw.select("*", content.alias(POSITION), F.lit(None).cast("string").alias(CORRUPT))
    marked = marked.withColumn(POSITION, F.concat_ws("-", POSITION, occurrence))
    marked = marked.select("*", F.lit(None).cast("string").alias(bronze.BATCH), F.lit(place).alias(bronze.FILE))
    rows = bronze.canonical_rows(marked, source.name, target, mapping)
    stored = stored_row_ids(target)
    if stored is not None:
        rows = rows.join(stored, "row_id", "left_anti")
    digest = rows.agg(
        F.count("*").alias("n"), F.bit_xor(F.xxhash64("row_id")), F.bit_xor(F.xxhash64("row_id", F.lit(1)))
    ).first()
    assert digest is not None
    if digest["n"] == 0:
        return NewRows(target, (), None, None, comparison.notices)
    batch_id = _batch_id(source, target, *[str(value) for value in digest])
    batch = Batch(batch_id, place, digest["n"])
    rows = rows.withColumn(bronze.BATCH, F.lit(batch_id))
    return NewRows(target, (batch,), rows, None, comparison.notices)
