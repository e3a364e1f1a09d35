"""The page shows any title and any number."""

from __future__ import annotations

import pytest

from cartograph.report.render import report_html
from tests.report.page import Elements, content, data_of

TITLES = [
    "<script>alert('x')</script>",
    "</script><img src=x onerror=alert(1)>",
    "</title></style><svg onload=alert(1)>",
    "\"quoted\" 'single' `ticks` & &amp; ${alert(1)} {{ 7 * 7 }} {% raw %}",
    "line\u2028separator\u2029and <!-- comment",
    "כוס קפה אדומה – 250 מ״ל",
    "قهوة عربية",
    "👩‍👩‍👧 Family 🎉",
    "long " * 2000,
]


@pytest.mark.parametrize("title", TITLES)
def test_a_title_is_shown_as_text_and_nothing_else(title: str) -> None:
    page, plain = report_html(content(title)), report_html(content())
    assert Elements(page).tags == Elements(plain).tags
    assert Elements(page).loaded == []
    assert title in Elements(page).text
    assert data_of(page)["titles"] == {"p": title}


def test_direction_marks_and_control_characters_do_not_reach_the_page() -> None:
    page = report_html(content("cup \u202egnp.exe \x1b[2J\x00"))
    assert "\u202e" not in page
    assert "\\u202e" not in page
    assert "\x1b" not in page
    assert data_of(page)["titles"] == {"p": "cup gnp.exe \ufffd[2J\ufffd"}


def test_a_title_in_another_direction_is_isolated_from_the_text_around_it() -> None:
    assert "<bdi>קפה</bdi>" in report_html(content("קפה"))


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_a_number_that_is_not_finite_is_a_dash_and_stops_nothing(number: float) -> None:
    page = report_html(content(number=number))
    data = data_of(page)
    assert data["rules"]["rules"][0]["lift"] is None
    assert data["models"]["evaluation"][0]["value"] is None
    assert data["sales"]["weeks"][0]["revenue"] is None
    assert "reciprocal rank fusion (–, in use)" in Elements(page).text
    assert "nan" not in Elements(page).text.lower().split()
