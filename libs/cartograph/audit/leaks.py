"""Whether anything in a day's partitions comes from that day or later.

Nothing is believed: what tables hold is compared with silver.events and silver.baskets before the day, as those who
made them should have. A leak makes every offline number too good (Kaufman, Rosset, Perlich and Stitelman 2012,
"Leakage in data mining").
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from functools import reduce

from pyspark.sql import DataFrame, Row

from cartograph.audit import count_checks as audited_counts
from cartograph.audit import day_checks as audited_days
from cartograph.audit import id_checks as audited_ids
from cartograph.audit.findings import Finding, Sources
from cartograph.audit.id_checks import first_sights

AUDITED = tuple(sorted({
    *audited_ids.PRODUCTS, *audited_ids.USERS, *audited_counts.TABLES, *audited_days.TABLES
}))  # fmt: skip


def audit(frames: Mapping[str, DataFrame], sources: Sources, as_of: date, sample: int) -> list[Finding]:
    """What was found, one entry per table and check; a few numbers per table come to the driver.

    Args:
        frames: partitions of `as_of` by table, some of AUDITED; silver.products and silver.baskets as read of that day.
        sources: see `Sources`.
        as_of: the day that everything in the partitions must lie before.
        sample: rows of a table whose counts are made again.
    """
    listed = {"product": sources.products, "user": sources.users}
    sights = {kind: first_sights(sources.events, each, f"{kind}_id").persist() for kind, each in listed.items()}
    checks = [
        *audited_ids.id_checks(frames, sights, as_of),
        *audited_counts.count_checks(frames, sources, as_of, sample),
        *audited_days.day_checks(frames, sources, as_of),
    ]
    rows = reduce(DataFrame.unionByName, checks).collect() if checks else []  # one row per check
    for each in sights.values():
        each.unpersist()
    return sorted((_finding(row, frames) for row in rows), key=lambda each: (each.table, each.check))


def described(findings: Iterable[Finding], as_of: date) -> str:
    """The leaks among the findings in words, a line each; empty if there are none."""
    lines = [
        f"{each.table}, {each.check}: {each.n_leaked:,} of {each.n_checked:,} were not known before {as_of}, "
        f"for example {each.example}"
        for each in findings
        if each.n_leaked
    ]
    return "\n".join(f"  - {line}" for line in lines)


def _finding(row: Row, frames: Mapping[str, DataFrame]) -> Finding:
    """The finding of one summary; of an id that leaks, a row that names it is looked up."""
    name, check, example = row["table"], row["check"], row["example"]
    if row["id"] is not None:
        kind = check.removesuffix("s")
        example = f"{audited_ids.first_row_naming(frames[name], name, kind, row['id'])}: {example}"
    return Finding(name, check, row["n_checked"], row["n_leaked"], example)
