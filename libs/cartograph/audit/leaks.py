"""Whether anything in a day's partitions comes from that day or later.

Nothing is taken on trust: tables are compared with silver.events and silver.baskets before the day. A leak makes every
offline metric too good (Kaufman, Rosset, Perlich and Stitelman 2012, "Leakage in data mining").
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from functools import reduce

from pyspark.sql import DataFrame, Row

from cartograph.audit import count_checks, day_checks, id_checks
from cartograph.audit.findings import Finding, Sources
from cartograph.audit.settings import AuditSettings
from cartograph.core.errors import UserError

AUDITED = tuple(sorted({*id_checks.PRODUCTS, *id_checks.USERS, *count_checks.TABLES, *day_checks.TABLES}))


def audited_tables(settings: AuditSettings) -> tuple[str, ...]:
    """The tables to audit.

    Raises:
        UserError: a setting names a table that there is no check for.
    """
    for setting, names in (("tables", settings.tables), ("told", settings.told)):
        unknown = sorted(set(names) - set(AUDITED))
        if unknown:
            raise UserError(f"audit.{setting}: no check for {', '.join(unknown)}; there are for {', '.join(AUDITED)}")
    return settings.tables or AUDITED


def audit(frames: Mapping[str, DataFrame], sources: Sources, as_of: date, settings: AuditSettings) -> list[Finding]:
    """The findings, one per table and check; a few numbers per table come to the driver.

    Args:
        frames: partitions of `as_of` by table, some of AUDITED; silver.products and silver.baskets as read for that
            day.
        sources: see `Sources`.
        as_of: the day that everything in the partitions must precede.
        settings: number of rows whose counts are recomputed.
    """
    listed = {"product": sources.products, "user": sources.users}
    seen = {kind: id_checks.first_seen(sources.events, each, f"{kind}_id") for kind, each in listed.items()}
    with_ids = id_checks.checked_ids(frames)
    checks = [
        *([id_checks.id_checks(frames, seen, as_of)] if with_ids else []),
        *count_checks.count_checks(frames, sources, as_of, settings.sample),
        *day_checks.day_checks(frames, sources, as_of),
    ]
    rows = reduce(DataFrame.unionByName, checks).collect() if checks else []  # one row per check
    findings = [_finding(row, frames) for row in rows]
    found = {(each.table, each.check) for each in findings}
    findings += [Finding(name, check, 0, 0, None) for name, check in with_ids if (name, check) not in found]
    return sorted(findings, key=lambda each: (each.table, each.check))


def described(findings: Iterable[Finding], as_of: date) -> str:
    """The leaks among the findings, a line each; empty if there are none."""
    lines = [
        f"{each.table}, {each.check}: {each.n_leaked:,} of {each.n_checked:,} were not known before {as_of}, "
        f"for example {each.example}"
        for each in findings
        if each.n_leaked
    ]
    return "\n".join(f"  - {line}" for line in lines)


def _finding(row: Row, frames: Mapping[str, DataFrame]) -> Finding:
    """The finding of one summary; for an id that leaks, a row that contains it is looked up."""
    name, check, example = row["table"], row["check"], row["example"]
    if row["id"] is not None:
        kind = check.removesuffix("s")
        example = f"{id_checks.first_row_with(frames[name], name, kind, row['id'])}: {example}"
    return Finding(name, check, row["n_checked"], row["n_leaked"], example)
