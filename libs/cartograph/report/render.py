"""Content to one self-contained HTML page: nothing is loaded from anywhere, everything is escaped."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import date
from importlib.resources import files
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from cartograph.core.plain_text import plain_text
from cartograph.report.rows import Values

_REPORT = files("cartograph.report")
_SHARED_SCRIPTS = ("elements.js", "charts.js", "csv.js", "network.js")


def report_html(content: Values) -> str:
    """The page for `content`, as `page_content` gives it.

    Values from tables reach the page in two ways only: through Jinja, which escapes them, and as JSON whose `<`, `>`,
    `&` and `'` are escaped, which the scripts write as text, never as HTML. JSON has no NaN: one would stop them all.
    """
    page = shown(content)
    environment = _environment(page["titles"])
    sections = [
        section | {"html": Markup(environment.get_template(_path(section["name"], "template.html.j2")).render(section))}
        for section in page["sections"]
    ]
    drawn = [section for section in page["sections"] if _has(section["name"], "script.js")]
    data = {"titles": page["titles"]} | {section["name"]: section["content"] for section in drawn}
    names = [section["name"] for section in page["sections"]]
    return environment.get_template("page/page.html.j2").render(
        page | {"sections": sections}, data=data, style=Markup(_styles(names)), script=Markup(_scripts(names))
    )


def shown(value: Any) -> Any:
    """A value as the page can hold it: numbers that are not finite become null, unsafe characters are removed."""
    if isinstance(value, dict):
        return {shown(key): shown(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [shown(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return plain_text(value) if isinstance(value, str) else value


def draw_function(section: str) -> str:
    """The function of a section's script that draws it: drawRelatedProducts for related_products."""
    return "draw" + "".join(word.capitalize() for word in section.split("_"))


def _environment(titles: dict[str, str]) -> Environment:
    """Jinja with the filters of the templates. A title in another direction is isolated from the text around it."""
    environment = Environment(
        loader=FunctionLoader(_text), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.policies["json.dumps_kwargs"] = {"sort_keys": True, "allow_nan": False}
    environment.filters.update(number=_number, decimal=_decimal, percent=_percent, day=_day)
    environment.filters["title"] = lambda product_id: Markup("<bdi>{}</bdi>").format(titles[product_id])
    return environment


def _path(section: str, name: str) -> str:
    return f"sections/{section}/{name}"


def _text(path: str) -> str:
    return _REPORT.joinpath(path).read_text(encoding="utf-8")


def _has(section: str, name: str) -> bool:
    return _REPORT.joinpath(_path(section, name)).is_file()


def _styles(sections: Iterable[str]) -> str:
    """The page's style sheet, then those of sections that have one."""
    own = [_path(section, "style.css") for section in sections if _has(section, "style.css")]
    return "\n".join(_text(path) for path in ["page/style.css", *own])


def _scripts(sections: Iterable[str]) -> str:
    """The shared scripts, those of sections, and a call of each section's function."""
    drawn = [section for section in sections if _has(section, "script.js")]
    parts = [_text(f"page/{name}") for name in _SHARED_SCRIPTS]
    parts += [_text(_path(section, "script.js")) for section in drawn]
    calls = "".join(f"{draw_function(section)}();\n" for section in drawn)
    return "\n".join([*parts, calls, _text("page/start.js")])


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
