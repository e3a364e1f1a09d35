"""Report content to one self-contained HTML page: nothing is loaded from anywhere, everything is escaped."""

from __future__ import annotations

import math
from datetime import date
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from cartograph.core.plain_text import plain_text
from cartograph.core.statistics.metrics import LOWER_IS_BETTER

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
    `&` and `'` are escaped, which the scripts write as text, never as HTML. JSON knows no NaN: one would stop them all.
    """
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.policies["json.dumps_kwargs"] = {"sort_keys": True, "allow_nan": False}
    environment.filters.update(number=_number, decimal=_decimal, percent=_percent, day=_day)
    template = environment.from_string(_part("report.html.j2"))
    style, script = Markup(_part("style.css")), Markup("\n".join(_part(name) for name in _SCRIPTS))
    return template.render(**shown(content), lower_is_better=sorted(LOWER_IS_BETTER), style=style, script=script)


def shown(value: Any) -> Any:
    """A value as the page can hold it: numbers that are none become nothing, texts lose what they could do."""
    if isinstance(value, dict):
        return {shown(key): shown(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [shown(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return plain_text(value) if isinstance(value, str) else value


def _part(name: str) -> str:
    return (_PAGE / name).read_text(encoding="utf-8")


def _number(value: float | None) -> str:
    """12,345 or 0.123; a dash for nothing."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.3f}"


def _decimal(value: float | None, form: str = ".4f") -> str:
    """A number in the given form; a dash for nothing."""
    return "–" if value is None else format(value, form)


def _percent(share: float | None) -> str:
    """Enough digits that a small share does not read as none; a dash for nothing."""
    if share is None:
        return "–"
    return f"{share:.1%}" if share >= 0.001 or share == 0 else "< 0.1%"


def _day(iso: str | None) -> str:
    """3 May 2011, from 2011-05-03."""
    if not iso:
        return "–"
    day = date.fromisoformat(iso)
    return f"{day.day} {day:%B %Y}"
