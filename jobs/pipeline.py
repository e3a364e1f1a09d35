"""Every step in order, in one Spark session: from raw files to ranked, explained lists and the report on them.

Runs the same functions as the single jobs and adds no logic: shop (when the source is the demo shop), ingest,
preprocess, then embed, rules, cf, sequence, graph and rank for `as_of` - evaluate.horizon_days and for `as_of`, then
audit, evaluate and report. The earlier lists are evaluated on the purchases since; the later ones are the result.

Without --as-of the day after the last event is taken, so that everything is used and no clock is read; a few events
long after all others, of a clock that runs ahead, do not count. A step that has too little data leaves its tables
empty, and a message says what was missing.
"""

from __future__ import annotations

import argparse
from datetime import date, timedelta

from cartograph.report.summary import summary_tables
from cartograph.runtime.command_line import main_suite
from cartograph.runtime.job import Suite
from cartograph.runtime.last_day import day_after_last_event
from cartograph.runtime.pipeline_summary import print_summary
from jobs import audit, cf, embed, evaluate, graph, ingest, preprocess, rank, report, rules, sequence, shop

MODELS = {
    "embed": embed.run, "rules": rules.run, "cf": cf.run, "sequence": sequence.run, "graph": graph.run, "rank": rank.run
}  # fmt: skip


def arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the pipeline besides those of every job."""
    parser.add_argument("--source", default=shop.SOURCE, help="a declaration in conf/sources (default: the demo shop)")
    parser.add_argument("--path", help="file, folder, glob, URI or JDBC URL of the source's inputs")
    ingest.delivery_arguments(parser)


def run(suite: Suite, given: argparse.Namespace) -> None:
    """Runs the steps, earlier day first."""
    if given.source == shop.SOURCE and given.path is None:
        given.path = suite.config.shop.path
        suite.run("shop", shop.run)
    suite.run("ingest", ingest.run, arguments=given)
    suite.run("preprocess", preprocess.run)
    as_of = given.as_of or day_after_last_event(suite.tables)
    for day in (as_of - timedelta(days=suite.config.evaluate.horizon_days), as_of):
        for step, run_step in MODELS.items():
            suite.run(step, run_step, as_of=day)
    suite.run("audit", audit.run, as_of=as_of)
    suite.run("evaluate", evaluate.run, as_of=as_of)
    suite.run("report", report.run, as_of=as_of)
    show(suite, as_of)


def show(suite: Suite, as_of: date) -> None:
    """Prints related products of the best sellers, the models compared, and where everything is."""
    tables = summary_tables(suite.tables.read, as_of, suite.config.evaluate.horizon_days)
    print_summary(tables, suite.config, as_of)


if __name__ == "__main__":
    main_suite("pipeline", run, __doc__, arguments)
