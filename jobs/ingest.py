"""Appends what is new in a source to bronze.events, bronze.products and bronze.users; every row once.

Reads   the inputs declared in conf/sources/<source>.yml, below --path
Writes  bronze.events, bronze.products, bronze.users, bronze.quarantine, bronze.batches

Values stay text: nothing is cleaned here. A file is known by its content, so running again, renaming or copying files
adds nothing. Everything is checked before the first write; batches are recorded last, so an interrupted run is
completed by the next one.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Sequence
from functools import reduce
from pathlib import Path

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.core.errors import UserError
from cartograph.ingest.failures import SPARK_ERRORS, cause
from cartograph.ingest.plan import new_rows
from cartograph.ingest.source import load_source
from cartograph.ingest.table_rows import NewRows
from cartograph.runtime import places
from cartograph.runtime.job import Job, main

_BATCHES = "bronze.batches"
_COLUMNS = ("source", "batch_id", "target", "source_file", "n_read", "n_kept", "n_quarantined")


def arguments(parser: argparse.ArgumentParser) -> None:
    """What this job asks for besides the usual."""
    parser.add_argument("--source", required=True, help="name of a declaration in conf/sources")
    parser.add_argument("--path", required=True, help="file, folder, glob, URI or JDBC URL of the source's inputs")


def run(job: Job) -> None:
    """Finds what is new, checks it, appends it."""
    folder = getattr(job.arguments, "conf_dir", None) or places.home() / "conf"
    source = load_source(job.arguments.source, Path(folder) / "sources")
    path = places.resolve(job.arguments.path)

    def stored_row_ids(target: str) -> DataFrame | None:
        name = f"bronze.{target}"
        return job.tables.read(name, source=source.name).select("row_id") if job.tables.exists(name) else None

    known = _known(job, source.name)
    with new_rows(job.spark, source, path, known, stored_row_ids, job.settings.max_quarantined_share) as found:
        for notice in found.notices:
            job.progress.say(notice)
        _append(job, source.name, found.new)
    for new in found.new:
        job.metric(f"n_new_batches_{new.target}", len(new.batches))


def _known(job: Job, source: str) -> set[str]:
    """The batches of the source that are completely ingested."""
    if not job.tables.exists(_BATCHES):
        return set()
    return {row["batch_id"] for row in job.tables.read(_BATCHES, source=source).select("batch_id").collect()}


def _append(job: Job, source: str, found: Sequence[NewRows]) -> None:
    """Rows, then what could not be read, then the batches. A run stopped in between is completed by the next one."""
    batches = []
    for new in found:
        n_kept = _append_rows(job, source, new)
        batches += [
            (source, b.batch_id, new.target, b.source_file, b.n_read, n_kept.get(b.batch_id, 0), b.n_quarantined)
            for b in new.batches
        ]
    quarantine = [new.quarantine for new in found if new.quarantine is not None]
    if quarantine:
        job.merge("bronze.quarantine", reduce(DataFrame.unionByName, quarantine), insert_only=True)
    if batches:
        job.merge(_BATCHES, job.spark.createDataFrame(batches, list(_COLUMNS)), insert_only=True)
    else:
        job.progress.say(f"nothing new in source {source}")


def _append_rows(job: Job, source: str, new: NewRows) -> dict[str, int]:
    """Appends the rows of batches that the table does not hold; returns its rows per new batch."""
    target = f"bronze.{new.target}"
    ids = sorted(batch.batch_id for batch in new.batches)
    there = _counts(job, target, ids)
    missing = [batch for batch in ids if batch not in there]
    if new.rows is None or not missing:
        return there
    rows = new.rows if not there else new.rows.where(F.col("batch_id").isin(missing))
    digest = hashlib.sha256("".join(missing).encode()).hexdigest()
    # Every append makes a version, so the number of one grows with the table and is never that of another.
    number = job.tables.version(target) if job.tables.exists(target) else 0
    try:
        job.append(target, rows, f"ingest.{source}.{new.target}", number, digest)
    except SPARK_ERRORS as error:
        raise UserError(f"the rows for {target} cannot be computed from source {source}: {cause(error)}") from error
    return _counts(job, target, ids)


def _counts(job: Job, target: str, ids: Sequence[str]) -> dict[str, int]:
    """Rows per batch that the table holds of the given batches."""
    if not ids or not job.tables.exists(target):
        return {}
    rows = job.tables.read(target).where(F.col("batch_id").isin(list(ids))).groupBy("batch_id").count().collect()
    return {row["batch_id"]: row["count"] for row in rows}


if __name__ == "__main__":
    main("ingest", run, __doc__, arguments)
