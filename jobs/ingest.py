"""Appends what is new in a source to bronze.events, bronze.products and bronze.users; every row once.

Reads   the inputs declared in conf/sources/<source>.yml, below --path
Writes  bronze.events, bronze.products, bronze.users, bronze.quarantine, bronze.batches

Values stay text: nothing is cleaned here. A file is known by its content, so running again, renaming or copying files adds
nothing. Everything is checked before the first write; batches are recorded last, so an interrupted run is completed by the
next one.
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.ingest.inputs import fixed_splits
from cartograph.ingest.plan import NewRows, new_rows
from cartograph.ingest.source import load_source
from cartograph.runtime import places
from cartograph.runtime.job import Job, main

_BATCHES = "bronze.batches"


def arguments(parser: argparse.ArgumentParser) -> None:
    """What this job asks for besides the usual."""
    parser.add_argument("--source", required=True, help="name of a declaration in conf/sources")
    parser.add_argument("--path", required=True, help="file, folder, glob, URI or JDBC URL of the source's inputs")


def run(job: Job) -> None:
    """Finds what is new, checks it, appends it."""
    folder = getattr(job.arguments, "conf_dir", None) or places.home() / "conf"
    source = load_source(job.arguments.source, Path(folder) / "sources")

    def stored_row_ids(target: str) -> DataFrame | None:
        name = f"bronze.{target}"
        return job.tables.read(name, source=source.name).select("row_id") if job.tables.exists(name) else None

    found = new_rows(
        job.spark,
        source,
        places.resolve(job.arguments.path),
        _known(job, source.name),
        stored_row_ids,
        job.settings.max_quarantined_share,
    )
    for notice in dict.fromkeys(notice for new in found for notice in new.notices):
        job.progress.say(notice)
    for new in found:
        if new.batches:
            _append(job, source.name, new)
        job.metric(f"n_new_batches_{new.target}", len(new.batches))


def _known(job: Job, source: str) -> set[str]:
    """The batches of the source that are completely ingested."""
    if not job.tables.exists(_BATCHES):
        return set()
    return {row["batch_id"] for row in job.tables.read(_BATCHES, source=source).select("batch_id").collect()}


def _append(job: Job, source: str, new: NewRows) -> None:
    """Rows, then what could not be read, then the batches. A run stopped in between is completed by the next one."""
    target = f"bronze.{new.target}"
    ids = {batch.batch_id for batch in new.batches}
    there = _counts(job, target, source, ids)
    missing = sorted(ids - set(there))
    if new.rows is not None and missing:
        rows = new.rows if not there else new.rows.where(F.col("batch_id").isin(missing))
        digest = hashlib.sha256("".join(missing).encode()).hexdigest()
        version = _n_batches(job, target, source) + len(missing)
        with fixed_splits(job.spark):
            job.append(target, rows, f"ingest.{source}.{new.target}", version, digest)
        there = _counts(job, target, source, ids)
    if new.quarantine is not None:
        with fixed_splits(job.spark):
            job.merge("bronze.quarantine", new.quarantine, insert_only=True)
    batches = [
        (source, b.batch_id, new.target, b.source_file, b.n_read, there.get(b.batch_id, 0), b.n_quarantined)
        for b in new.batches
    ]
    columns = "source string, batch_id string, target string, source_file string, n_read long, n_kept long, n_quarantined long"
    job.merge(_BATCHES, job.spark.createDataFrame(batches, columns))


def _counts(job: Job, target: str, source: str, ids: set[str]) -> dict[str, int]:
    """Rows per batch that the table holds of the given batches."""
    if not job.tables.exists(target):
        return {}
    rows = job.tables.read(target, source=source).groupBy("batch_id").count().collect()
    return {row["batch_id"]: row["count"] for row in rows if row["batch_id"] in ids}


def _n_batches(job: Job, target: str, source: str) -> int:
    """How many batches of the source the table holds: the number of an append grows with it."""
    if not job.tables.exists(target):
        return 0
    return job.tables.read(target, source=source).select("batch_id").distinct().count()


if __name__ == "__main__":
    main("ingest", run, __doc__, arguments)
