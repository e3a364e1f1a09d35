"""Keeps the tables fast and small: OPTIMIZE, Z-order, VACUUM.

Reads and writes every table that exists, or those of `maintain.tables`; no row changes. Files younger than a week are
kept unless `maintain.allow_short_retention` says otherwise. Not done here: erasing customers.
"""

from __future__ import annotations

from cartograph.runtime.command_line import main
from cartograph.runtime.job import Job
from cartograph.runtime.maintenance import optimize, tables_to_maintain, vacuum
from cartograph.runtime.settings import MaintainSettings


def run(job: Job) -> None:
    """Optimises and vacuums each table in turn."""
    settings: MaintainSettings = job.settings
    for name in tables_to_maintain(job.tables, settings.tables):
        tidied = optimize(job.tables, name, settings.cluster_by.get(name, ()))
        vacuum(job.tables, name, settings.retention_hours, settings.allow_short_retention)
        job.metric(f"files_removed.{name}", tidied.files_removed)
        job.metric(f"files_added.{name}", tidied.files_added)
        job.progress.say(f"{name}: {tidied.files_removed} files became {tidied.files_added}")


if __name__ == "__main__":
    main("maintain", run, __doc__)
