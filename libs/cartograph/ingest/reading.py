"""Files read once: their rows are kept while they are counted and written, and truncated files are found."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace

from pyspark import StorageLevel
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F

from cartograph.ingest.failures import SPARK_ERRORS, cause
from cartograph.ingest.files import InputFile
from cartograph.ingest.inputs import CORRUPT, URI, Probe, fixed_splits, read_files, same_spelling
from cartograph.ingest.source import Input

_PROBES = 4  # Files tried concurrently after reading them all together has failed.
_PIECE_BYTES = 32 * 1024 * 1024  # Bytes of input that go into one file of the table.


@dataclass(frozen=True)
class FileRead:
    """One file: the number of its lines and of corrupt ones, or why none of it could be read."""

    file: InputFile
    n_read: int = 0
    n_corrupt: int = 0
    unreadable: str | None = None


@dataclass(frozen=True)
class Reading:
    """The rows of an input's readable files (None if there are none), kept on disk, and what each file contained."""

    rows: DataFrame | None
    files: tuple[FileRead, ...]


@contextmanager
def reading(spark: SparkSession, declared: Input, probes: Sequence[Probe]) -> Iterator[Reading]:
    """The files read in one pass; their rows are kept within the block, so that what is written is what was counted.

    A truncated file is unreadable as a whole.
    """
    whole = list(probes)
    try:
        rows, counts = _kept_and_counted(spark, declared, whole)
    except SPARK_ERRORS as error:
        whole = _tried(spark, declared, whole)
        if not any(before.schema and after.unreadable for before, after in zip(probes, whole, strict=True)):
            raise error
        rows, counts = _kept_and_counted(spark, declared, whole)
    try:
        unknown = counts.keys() - {same_spelling(found.file.uri) for found in whole}
        if unknown:
            raise RuntimeError(f"Spark read files that were not listed: {', '.join(sorted(unknown))}")
        files = [FileRead(p.file, *counts.get(same_spelling(p.file.uri), (0, 0)), p.unreadable) for p in whole]
        yield Reading(rows, tuple(files))
    finally:
        if rows is not None:
            rows.unpersist()


def n_pieces(spark: SparkSession, files: Sequence[InputFile]) -> int:
    """How many files of a table the rows of these files should make."""
    return max(spark.sparkContext.defaultParallelism, math.ceil(sum(file.n_bytes for file in files) / _PIECE_BYTES))


def _kept_and_counted(
    spark: SparkSession, declared: Input, probes: Sequence[Probe]
) -> tuple[DataFrame | None, dict[str, tuple[int, int]]]:
    """The rows of the readable files, persisted, and per file its rows and corrupt lines."""
    if not any(found.schema for found in probes):
        return None, {}
    rows = read_files(spark, declared, probes).persist(StorageLevel.DISK_ONLY)
    try:
        with fixed_splits(spark):
            counted: list[Row] = rows.groupBy(URI).agg(F.count("*"), F.count(CORRUPT)).collect()
    except SPARK_ERRORS:
        rows.unpersist()
        raise
    return rows, {row[0]: (row[1], row[2]) for row in counted}


def _tried(spark: SparkSession, declared: Input, probes: Sequence[Probe]) -> list[Probe]:
    """The files read one by one, with those that fail marked as unreadable."""

    def tried(found: Probe) -> Probe:
        if found.schema is None:
            return found
        try:
            read_files(spark, declared, [found]).write.format("noop").mode("overwrite").save()
        except SPARK_ERRORS as error:
            return replace(found, schema=None, unreadable=f"the file is truncated: {cause(error)}")
        return found

    with ThreadPoolExecutor(_PROBES) as pool:
        return list(pool.map(tried, probes))
