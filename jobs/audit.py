"""Proves that nothing in the partitions of a day comes from that day or later, and fails where something does.

Reads the partitions of `as_of` and the silver tables of all days; recounts, from what happened before the day, what the
partitions say; writes gold.audit, whatever was found; then ends with status 2 if something leaks, and says what.
Deliberately not done here: putting it right, and judging the lists (`evaluate`).
"""

from __future__ import annotations

from collections.abc import Iterable

from pyspark.sql import DataFrame

from cartograph.audit.findings import Finding, Leak, Sources
from cartograph.audit.leaks import AUDITED, audit, described
from cartograph.audit.settings import AuditSettings
from cartograph.core.errors import UserError
from cartograph.core.tables.schema import table
from cartograph.runtime.command_line import main
from cartograph.runtime.job import Job


def run(job: Job) -> None:
    """Audits the partitions of `job.as_of`.

    Raises:
        Leak: something in them was not known before.
    """
    settings: AuditSettings = job.settings
    assert job.as_of is not None
    frames = {name: job.read(name) for name in audited_tables(settings) if job.tables.exists(name)}
    findings = audit(frames, sources(job), job.as_of, settings.sample)
    write(job, findings)
    told = described((each for each in findings if each.table in settings.told), job.as_of)
    if told:
        job.progress.say(f"read by a day that it comes after (audit.told):\n{told}")
    leaks = described((each for each in findings if each.table not in settings.told), job.as_of)
    if leaks:
        raise Leak(f"partitions of {job.as_of} hold what was not known before that day:\n{leaks}")


def audited_tables(settings: AuditSettings) -> tuple[str, ...]:
    """The tables to look at.

    Raises:
        UserError: a setting names a table that there is no check for.
    """
    for setting, names in (("tables", settings.tables), ("told", settings.told)):
        unknown = sorted(set(names) - set(AUDITED))
        if unknown:
            raise UserError(f"audit.{setting}: no check for {', '.join(unknown)}; there are for {', '.join(AUDITED)}")
    return settings.tables or AUDITED


def sources(job: Job) -> Sources:
    """What is recounted from: rows of all days."""

    def optional(name: str) -> DataFrame | None:
        return job.read_all(name) if job.tables.exists(name) else None

    events, baskets, products = (job.read_all(f"silver.{name}") for name in ("events", "baskets", "products"))
    return Sources(
        events, baskets, products, optional("silver.users"), optional("bronze.products"), optional("gold.exposures"),
        optional("silver.listings"),
    )  # fmt: skip


def write(job: Job, findings: Iterable[Finding]) -> None:
    """Writes gold.audit, and records how much leaks."""
    rows = [{"as_of": job.as_of} | vars(each) for each in findings]
    written = job.replace("gold.audit", job.spark.createDataFrame(rows, table("gold.audit").columns))
    job.metric("n_checks", written.rows)
    job.metric("n_leaked", sum(each.n_leaked for each in findings))


if __name__ == "__main__":
    main("audit", run, __doc__)
