"""The content of the page: what each of its sections shows of a day."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from importlib import import_module
from importlib.resources import files
from typing import Protocol, cast

from cartograph.report.report_day import ReportDay
from cartograph.report.rows import Values
from cartograph.report.titles import titles

# Sections that are not listed here follow these, by name: a new folder needs no entry.
ORDER = ("related_products", "communities", "rules", "models", "customers", "sales", "quality", "audit", "tables")


class Query(Protocol):
    """The module `query` of a section."""

    LABEL: str

    def content(self, day: ReportDay) -> Values:
        """What the section shows."""

    def product_ids(self, content: Values) -> AbstractSet[str]:
        """The products that it names. Left out by a section without products."""


def section_names() -> list[str]:
    """The folders of `cartograph.report.sections`, in the order in which the page shows them."""
    folders = files("cartograph.report.sections").iterdir()
    names = [folder.name for folder in folders if folder.joinpath("query.py").is_file()]
    return sorted(names, key=lambda name: (ORDER.index(name) if name in ORDER else len(ORDER), name))


def query_of(section: str) -> Query:
    """The query of a section."""
    return cast("Query", import_module(f"cartograph.report.sections.{section}.query"))


def page_content(day: ReportDay) -> Values:
    """Everything the page shows: as_of, totals, titles (by product_id), and sections (name, label, content)."""
    sections: list[Values] = []
    named: set[str] = set()
    for name in section_names():
        query = query_of(name)
        content = query.content(day)
        sections.append({"name": name, "label": query.LABEL, "content": content})
        if hasattr(query, "product_ids"):
            named |= query.product_ids(content)
    return {
        "as_of": str(day.as_of),
        "totals": day.totals | {"n_rules": day.n_rules},
        "sections": sections,
        "titles": titles(day.read("silver.products"), named),
    }
