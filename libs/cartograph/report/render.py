"""Report content to one self-contained HTML page: nothing is loaded from anywhere, everything is escaped."""

from __future__ import annotations

from datetime import date
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

_PAGE = files("cartograph.report") / "page"
_SCRIPTS = (
    "elements.js",
    "charts.js",
    "sales.js",
    "csv.js",
    "network.js",
    "rules.js",
    "neighbourhood.js",
    "communities.js",
    "models.js",
    "start.js",
)


def report_html(content: dict[str, Any]) -> str:
    """The page for `content`: what `content.py` collects, under the names the template uses.

    Values from tables reach the page in two ways only: through Jinja, which escapes them, and as JSON whose `<`, `>`,
    `&` and `'` are escaped, which the scripts write as text, never as HTML.
    """
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters.update(number=_number, percent=_percent, day=_day)
    template = environment.from_string(_part("report.html.j2"))
    style, script = Markup(_part("style.css")), Markup("\n".join(_part(name) for name in _SCRIPTS))
    return template.render(**content, style=style, script=script)


def _part(name: str) -> str:
    return (_PAGE / name).read_text(encoding="utf-8")


def _number(value: float | None) -> str:
    """12,345 or 0.123; a dash for nothing."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.3f}"


def _percent(share: float) -> str:
    """Enough digits that a small share does not read as none."""
    return f"{share:.1%}" if share >= 0.001 or share == 0 else "< 0.1%"


def _day(iso: str | None) -> str:
    """3 May 2011, from 2011-05-03."""
    if not iso:
        return "–"
    day = date.fromisoformat(iso)
    return f"{day.day} {day:%B %Y}"
