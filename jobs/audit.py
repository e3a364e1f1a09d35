"""Proves that nothing in the partitions of a day comes from that day or later, and fails if something does.

Reads the partitions of `as_of` and the silver tables of all days; recomputes what the partitions contain from
the events before the day; always writes gold.audit; then exits with status 2 if something leaks, and names it.
Not done here: fixing leaks, and evaluating the lists (`evaluate`).
"""

from __future__ import annotations

from pyspark.sql import DataFrame

from cartograph.audit.findings import Leak, Sources
from cartograph.audit.leaks import audit, audited_tables, described
from cartograph.audit.settings import AuditSettings
from cartograph.core.tables.schema import table
from cartograph.runtime.command_line import main
from cartograph.runtime.job import Job


def run(job: Job) -> None:
    """Audits the partitions of `job.as_of`.

    Raises:
        Leak: they contain something that was not known before.
    """
    settings: AuditSettings = job.settings
    assert job.as_of is not None
    frames = {name: job.read(name) for name in audited_tables(settings) if job.tables.exists(name)}
    findings = audit(frames, sources(job), job.as_of, settings)
    rows = [{"as_of": job.as_of} | vars(each) for each in findings]
    written = job.replace("gold.audit", job.spark.createDataFrame(rows, table("gold.audit").columns))
    job.metric("n_checks", written.rows)
    job.metric("n_leaked", sum(each.n_leaked for each in findings))
    reported = described((each for each in findings if each.table in settings.told), job.as_of)
    if reported:
        job.progress.say(f"these leaks do not fail the run (audit.told):\n{reported}")
    leaks = described((each for each in findings if each.table not in settings.told), job.as_of)
    if leaks:
        raise Leak(f"partitions of {job.as_of} contain what was not known before that day:\n{leaks}")


def sources(job: Job) -> Sources:
    """What is recomputed from: rows of all days."""

    def optional(name: str) -> DataFrame | None:
        return job.read_all(name) if job.tables.exists(name) else None

    required = [job.read_all(f"silver.{name}") for name in ("events", "baskets", "products")]
    others = ("silver.users", "bronze.products", "gold.exposures", "silver.listings")
    return Sources(*required, *[optional(name) for name in others])


if __name__ == "__main__":
    main("audit", run, __doc__)
