"""The tables there are, with their versions."""

from __future__ import annotations

from cartograph.core.tables import schema
from cartograph.report.day import Day
from cartograph.report.rows import Values

LABEL = "Tables"


def content(day: Day) -> Values:
    """tables: name, version and comment of each."""
    return {
        "tables": [
            {"name": name, "version": version, "comment": schema.table(name).comment}
            for name, version in day.versions.items()
        ]
    }
