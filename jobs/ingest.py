"""Appends the new rows of a source to bronze.events, bronze.products and bronze.users, each row exactly once.

Reads   the inputs declared in conf/sources/<source>.yml, below --path
Writes  bronze.events, bronze.products, bronze.users, bronze.quarantine, bronze.batches

Values stay text, nothing is cleaned. A file is identified by its content: running again, renaming or copying adds
nothing. All is checked before the first write; batches are recorded last: the next run completes an interrupted one.
"""

from __future__ import annotations

import argparse
from functools import partial

from cartograph.ingest.known import known_batches, rows_to_remove
from cartograph.ingest.plan import Delivery, new_rows
from cartograph.ingest.settings import IngestSettings
from cartograph.ingest.source import load_source
from cartograph.ingest.writing import append_rows, records
from cartograph.runtime import places
from cartograph.runtime.command_line import day, main
from cartograph.runtime.job import Job
from cartograph.runtime.maintenance import remove


def arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of this job."""
    parser.add_argument("--source", required=True, help="name of a declaration in conf/sources")
    parser.add_argument("--path", required=True, help="file, folder, glob, URI or JDBC URL of the source's inputs")
    delivery_arguments(parser)


def delivery_arguments(parser: argparse.ArgumentParser) -> None:
    """The optional arguments about a delivery."""
    parser.add_argument("--until", type=day, help="day on which the inputs end, the first not covered")
    parser.add_argument("--again", action="store_true", help="read batches of another declaration again")


def run(job: Job) -> None:
    """Finds new rows, checks and appends them, and records the batches last."""
    settings: IngestSettings = job.settings
    given, tables = job.arguments, job.tables
    source = load_source(given.source, (given.conf_dir or places.home() / "conf") / "sources")
    delivery = Delivery(source, places.resolve(given.path), given.until, given.again)
    stored = partial(tables.read_existing, source=source.name)
    known = known_batches(stored("bronze.batches"), tables.read_existing("silver.ledger"))
    with new_rows(job.spark, delivery, known, stored, settings.max_quarantined_share) as found:
        for notice in found.notices:
            job.progress.say(notice)
        for name, is_replaced in rows_to_remove(found.replaced):
            remove(tables, name, is_replaced)
        n_kept = {new.target: append_rows(job, source, new) for new in found.new}
        for name, rows in records(job.spark, source, found.new, n_kept).items():
            job.merge(name, rows, insert_only=True)
        for new in found.new:
            job.metric(f"n_new_batches_{new.target}", len(new.batches))


if __name__ == "__main__":
    main("ingest", run, __doc__, arguments)
