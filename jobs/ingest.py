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
from datetime import UTC, date, datetime
from functools import reduce
from pathlib import Path

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.core.errors import UserError
from cartograph.core.tables.schema import table
from cartograph.ingest.failures import SPARK_ERRORS, cause
from cartograph.ingest.plan import Known, new_rows
from cartograph.ingest.source import Source, load_source
from cartograph.ingest.table_rows import NewRows
from cartograph.runtime import places
from cartograph.runtime.command_line import day, main
from cartograph.runtime.job import Job
from cartograph.runtime.maintenance import remove

_BATCHES = "bronze.batches"


def arguments(parser: argparse.ArgumentParser) -> None:
    """What this job asks for besides the usual."""
    parser.add_argument("--source", required=True, help="name of a declaration in conf/sources")
    parser.add_argument("--path", required=True, help="file, folder, glob, URI or JDBC URL of the source's inputs")
    limits(parser)


def limits(parser: argparse.ArgumentParser) -> None:
    """What may be said of a delivery."""
    parser.add_argument("--until", type=day, help="the first day of which nothing is known yet")
    parser.add_argument("--again", action="store_true", help="read anew what was read under another declaration")


def run(job: Job) -> None:
    """Finds what is new, checks it, appends it."""
    folder = getattr(job.arguments, "conf_dir", None) or places.home() / "conf"
    source = load_source(job.arguments.source, Path(folder) / "sources")
    path = places.resolve(job.arguments.path)

    def stored_row_ids(target: str, outdated: Sequence[str]) -> DataFrame | None:
        name = f"bronze.{target}"
        if not job.tables.exists(name):
            return None
        rows = job.tables.read(name, source=source.name)
        return rows.where(~F.col("batch_id").isin(list(outdated))).select("row_id")

    until = _midnight(getattr(job.arguments, "until", None))
    again = getattr(job.arguments, "again", False)
    most = job.settings.max_quarantined_share
    with new_rows(job.spark, source, path, _known(job, source.name), stored_row_ids, most, until, again) as found:
        for notice in found.notices:
            job.progress.say(notice)
        _forget(job, found.replaced)
        _append(job, source, found.new)
    for new in found.new:
        job.metric(f"n_new_batches_{new.target}", len(new.batches))


def _midnight(day: date | None) -> datetime | None:
    return None if day is None else datetime(day.year, day.month, day.day, tzinfo=UTC)


def _known(job: Job, source: str) -> dict[str, Known]:
    """The batches of the source that are completely ingested, by content."""
    if not job.tables.exists(_BATCHES):
        return {}
    batches = job.tables.read(_BATCHES, source=source).select("content_id", "batch_id", "target", "declaration")
    is_done = F.lit(False)
    if job.tables.exists("silver.ledger"):
        done = job.tables.read("silver.ledger").select("batch_id", F.lit(True).alias("done"))
        batches, is_done = batches.join(done, "batch_id", "left"), F.coalesce("done", F.lit(False))
    rows = batches.select("content_id", "batch_id", "target", "declaration", is_done).collect()
    return {content: Known(*rest) for content, *rest in rows}


def _forget(job: Job, replaced: Sequence[Known]) -> None:
    """Takes batches out of bronze that are to be read again; their entries go last, so that it can be done again."""
    for target in {batch.target for batch in replaced}:
        ids = [batch.batch_id for batch in replaced if batch.target == target]
        for name in (f"bronze.{target}", "bronze.quarantine", _BATCHES):
            if job.tables.exists(name):
                remove(job.tables, name, F.col("batch_id").isin(ids))
    if replaced:
        job.progress.say(f"{len(replaced)} batches are read again, as they are declared otherwise now")


def _append(job: Job, source: Source, found: Sequence[NewRows]) -> None:
    """Rows, then what could not be read, then the batches. A run stopped in between is completed by the next one."""
    batches = []
    for new in found:
        n_kept = _append_rows(job, source.name, new)
        batches += [
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
    quarantine = [new.quarantine for new in found if new.quarantine is not None]
    if quarantine:
        job.merge("bronze.quarantine", reduce(DataFrame.unionByName, quarantine), insert_only=True)
    if batches:
        job.merge(_BATCHES, job.spark.createDataFrame(batches, table(_BATCHES).columns), insert_only=True)
    else:
        job.progress.say(f"nothing new in source {source.name}")


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
