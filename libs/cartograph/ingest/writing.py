"""New rows appended to bronze, each batch once however often a run is interrupted, and the records of these batches."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any, Protocol

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from cartograph.core.errors import UserError
from cartograph.core.tables.schema import table
from cartograph.ingest.failures import SPARK_ERRORS, cause
from cartograph.ingest.source import Source
from cartograph.ingest.table_rows import NewRows

_FEW_FILES, _MANY_ROWS = 8, 200_000  # Fewer files with more rows are spread over the tasks of the steps that follow.


class StoredTables(Protocol):
    """Tables by name, as they are stored."""

    def exists(self, name: str) -> bool:
        """Whether the table has been written."""

    def read(self, name: str) -> DataFrame:
        """Its rows."""

    def version(self, name: str) -> int:
        """The number of its newest version."""


class TableAccess(Protocol):
    """Tables to read, and to append to exactly once; implemented by `runtime.job.Job`."""

    @property
    def tables(self) -> StoredTables:
        """The tables."""

    def append(self, name: str, frame: DataFrame, app_id: str, version: int, digest: str) -> Any:
        """Appends rows to a table unless this version of this application was appended before."""


def append_rows(access: TableAccess, source: Source, new: NewRows) -> dict[str, int]:
    """Appends the rows of batches that the table does not hold yet; returns its number of rows per new batch.

    Raises:
        UserError: an expression of the source fails on a row.
    """
    target = f"bronze.{new.target}"
    ids = sorted(batch.batch_id for batch in new.batches)
    present = row_counts(access.tables, target, ids)
    missing = [batch for batch in ids if batch not in present]
    if new.rows is None or not missing:
        return present
    rows = new.rows if not present else new.rows.where(F.col("batch_id").isin(missing))
    if len(new.batches) < _FEW_FILES and sum(batch.n_read for batch in new.batches) > _MANY_ROWS:
        rows = rows.repartition("row_id")  # one task may have read a whole file, and would write it as one again
    digest = hashlib.sha256("".join(missing).encode()).hexdigest()
    # Every append makes a version, so its number grows with the table and is never used twice.
    number = access.tables.version(target) if access.tables.exists(target) else 0
    try:
        access.append(target, rows, f"ingest.{source.name}.{new.target}", number, digest)
    except SPARK_ERRORS as error:
        raise UserError(
            f"the rows for {target} cannot be computed from source {source.name}: {cause(error)}"
        ) from error
    return row_counts(access.tables, target, ids)


def row_counts(tables: StoredTables, name: str, ids: Sequence[str]) -> dict[str, int]:
    """How many rows the table holds of each of these batches; batches without rows are left out."""
    if not ids or not tables.exists(name):
        return {}
    rows = tables.read(name).where(F.col("batch_id").isin(list(ids))).groupBy("batch_id").count().collect()
    return {row["batch_id"]: row["count"] for row in rows}


def records(
    spark: SparkSession, source: Source, found: Sequence[NewRows], n_kept: Mapping[str, Mapping[str, int]]
) -> dict[str, DataFrame]:
    """What is recorded once the rows are appended, by table, in this order: what could not be read, then the batches.

    Args:
        n_kept: by target, the number of rows of each batch, as `append_rows` returns it.
    """
    made: dict[str, DataFrame] = {}
    unreadable = [new.quarantine for new in found if new.quarantine is not None]
    if unreadable:
        made["bronze.quarantine"] = reduce(DataFrame.unionByName, unreadable)
    batches = [row for new in found for row in _batches(source, new, n_kept[new.target])]
    if batches:
        made["bronze.batches"] = spark.createDataFrame(batches, table("bronze.batches").columns)
    return made


def _batches(source: Source, new: NewRows, n_kept: Mapping[str, int]) -> list[dict[str, Any]]:
    """Rows of bronze.batches: the new batches of one table."""
    return [
        {
            "source": source.name,
            "batch_id": batch.batch_id,
            "target": new.target,
            "source_file": batch.source_file,
            "n_read": batch.n_read,
            "n_kept": n_kept.get(batch.batch_id, 0),
            "n_quarantined": batch.n_quarantined,
            "content_id": batch.content_id,
            "declaration": source.declared(new.target),
            "cleaning": source.cleaning.model_dump_json(exclude_defaults=True),
        }
        for batch in new.batches
    ]
