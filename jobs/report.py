"""One HTML page on one day: related products, rules, models, example customers, sales and data quality.

Reads silver and gold tables before `as_of`, shows what exists and names what is missing; writes
`<report.path>/<as_of>.html` and records it with the run. The file loads nothing from anywhere, so it can be mailed.
Not done here: computing anything that another step could have stored.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

from pyspark.sql import DataFrame

from cartograph.core.tables import schema
from cartograph.report.page_content import page_content
from cartograph.report.render import report_html
from cartograph.report.report_day import ReportDay
from cartograph.report.settings import ReportSettings
from cartograph.report.whole_file import write_whole
from cartograph.runtime.command_line import main
from cartograph.runtime.job import Job
from cartograph.runtime.places import resolve


def run(job: Job) -> None:
    """Writes the page of `job.as_of`."""
    assert job.as_of is not None
    settings: ReportSettings = job.settings
    versions = {name: job.tables.version(name) for name in schema.TABLES if job.tables.exists(name)}

    def rows(read: Callable[[str], DataFrame]) -> Callable[[str], DataFrame]:
        return cache(lambda name: read(name) if name in versions else empty(job, name))

    evaluation, rank = job.config.evaluate, job.config.rank
    day = ReportDay(job.as_of, settings, rows(job.read), rows(job.read_all), versions, evaluation.horizon_days, rank.k)
    page = write_whole(Path(resolve(settings.path)) / f"{job.as_of}.html", report_html(page_content(day)))
    job.metric("report_bytes", page.stat().st_size)
    job.file(page)
    job.progress.say(f"report: {page}")


def empty(job: Job, name: str) -> DataFrame:
    """No rows of table `name`."""
    return job.spark.createDataFrame([], schema.table(name).columns)


if __name__ == "__main__":
    main("report", run, __doc__)
