"""The tables there are, with their versions."""

from __future__ import annotations

from cartograph.core.tables import schema
from cartograph.report.report_day import ReportDay
from cartograph.report.rows import Values

LABEL = "Tables"


def content(day: ReportDay) -> Values:
    """tables: name, version and comment of each."""
    return {
        "tables": [
            {"name": name, "version": version, "comment": schema.table(name).comment}
            for name, version in day.versions.items()
        ]
    }
