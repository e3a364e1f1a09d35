"""Every step in order, in one Spark session: from raw files to ranked, explained lists and the report on them.

Runs the same functions as the single jobs and adds no logic: shop (when the source is the demo shop), ingest,
preprocess, then embed, rules, cf, sequence, graph and rank for `as_of` - evaluate.horizon_days and for `as_of`, then
audit, evaluate and report. The earlier lists are evaluated on the purchases since; the later ones are the result.

Without --as-of the day after the last event is taken, so that everything is used and no clock is read; a few events
long after all others, of a clock that runs ahead, do not count. A step that a shop has too little data for runs all the
same: its tables are empty, and a message says what was missing.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Mapping
from datetime import date, timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from rich.console import Console
from rich.table import Table

from cartograph.core.errors import UserError
from cartograph.report.summary import best_sellers_related, models_compared
from cartograph.runtime.command_line import main_suite
from cartograph.runtime.job import Suite
from cartograph.runtime.terminal import cell, printed
from cartograph.runtime.tracking_store import tracking_uri
from jobs import audit, cf, embed, evaluate, graph, ingest, preprocess, rank, report, rules, sequence, shop

MODELS = {
    "embed": embed.run,
    "rules": rules.run,
    "cf": cf.run,
    "sequence": sequence.run,
    "graph": graph.run,
    "rank": rank.run,
}


_LONG = timedelta(days=60)  # without events before those of a clock that runs ahead


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
    as_of = given.as_of or day_after_last_event(suite)
    for day in (as_of - timedelta(days=suite.config.evaluate.horizon_days), as_of):
        for step, run_step in MODELS.items():
            suite.run(step, run_step, as_of=day)
    suite.run("audit", audit.run, as_of=as_of)
    suite.run("evaluate", evaluate.run, as_of=as_of)
    suite.run("report", report.run, as_of=as_of)
    show(suite, as_of)


def show(suite: Suite, as_of: date) -> None:
    """Prints related products of the best sellers, the models compared, and where everything is."""
    tables, config, console = suite.tables, suite.config, Console()
    earlier = as_of - timedelta(days=config.evaluate.horizon_days)
    related = best_sellers_related(
        tables.read("gold.related_products", as_of),
        tables.read("silver.baskets", as_of),
        tables.read("silver.products", as_of),
        n=5,
        k=3,
    )
    console.print(_printed(f"Related products of best sellers, before {as_of}", related))
    compared = models_compared(tables.read("gold.evaluation", earlier), ("ndcg", "recall", "hit_rate", "coverage"))
    title = f"Lists made on {earlier}, evaluated on the {config.evaluate.horizon_days} days after"
    console.print(_printed(title, compared))
    uri = tracking_uri(config)
    console.print(printed(f"tables   {config.lake.root}"), soft_wrap=True)
    console.print(printed(f"runs     {uri} (mlflow ui --backend-store-uri {uri})"), soft_wrap=True)
    console.print(printed(f"report   {config.report.path}/{as_of}.html"), soft_wrap=True)


def _printed(title: str, rows: DataFrame) -> Table:
    """A few rows as a table for the terminal."""
    shown = Table(*rows.columns, title=title)
    for row in rows.collect():
        shown.add_row(*map(cell, row))
    return shown


def day_after_last_event(suite: Suite) -> date:
    """The first day on which everything there is lies in the past; where no event was kept, the rows set aside.

    Raises:
        UserError: no row that was read has a time.
    """
    for table, at in (("silver.events", "event_on"), ("silver.quarantine", "event_at")):
        days = suite.tables.read(table).groupBy(F.to_date(at).alias("day")).agg(F.count("*").alias("n"))
        n_events = {row.day: row.n for row in days.where("day IS NOT NULL").collect()}
        if n_events:
            return last_day(n_events) + timedelta(days=1)
    raise UserError("no row that was read has a time, so the day cannot be derived: give it with --as-of")


def last_day(n_events: Mapping[date, int]) -> date:
    """The last day with events; a few events more than two months after all others are ignored.

    Args:
        n_events: events per day; at least one day.
    """
    days, total, later = sorted(n_events, reverse=True), sum(n_events.values()), 0
    few = max(0.001 * total, min(0.02 * total, 3))
    last = days[0]
    for day, before in itertools.pairwise(days):
        later += n_events[day]
        if later > few:
            break
        if day - before > _LONG:
            last = before
    return last


if __name__ == "__main__":
    main_suite("pipeline", run, __doc__, arguments)
