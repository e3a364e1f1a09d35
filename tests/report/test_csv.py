"""The CSV that the rule explorer saves: safe to open in a spreadsheet, and equal to what was shown."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess

import pytest

from tests.conftest import ROOT

REPORT = ROOT / "libs" / "cartograph" / "report"
FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "＝1", "|calc", "\r=1", '=HYPERLINK("http://x","y")']
HARMLESS = ["LAMP", 'the "big" one', "a, b", "two\nlines", "5-pack", ""]


def saved(rules: list[dict[str, object]]) -> list[list[str]]:
    """The rows of the file, as a spreadsheet reads them."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node: the page's scripts cannot be run here")
    scripts = "".join((REPORT / name).read_text() for name in ("page/csv.js", "sections/rules/script.js"))
    program = f"{scripts}\nprocess.stdout.write(rulesCsv({json.dumps(rules)}));"
    text = subprocess.run([node, "-e", program], capture_output=True, check=True, timeout=60).stdout.decode()
    return list(csv.reader(io.StringIO(text, newline="")))


def rule(left: str, **measures: object) -> dict[str, object]:
    return {"from": left, "to": "cup", "antecedent": [left], "consequent": ["c"], "lift": 2.5, **measures}


def test_no_title_can_become_a_formula() -> None:
    rows = saved([rule(text) for text in FORMULAS])
    assert [row[0] for row in rows[1:]] == ["'" + text for text in FORMULAS]
    assert all(not cell.startswith(tuple("=+-@\t\r|")) for row in rows[1:] for cell in row)


def test_other_text_and_numbers_come_out_as_they_are() -> None:
    rows = saved([rule(text, leverage=-0.25, is_significant=True, trend=None) for text in HARMLESS])
    assert [row[0] for row in rows[1:]] == HARMLESS
    column = {name: place for place, name in enumerate(rows[0])}
    assert {row[column["leverage"]] for row in rows[1:]} == {"-0.25"}  # a number, not text
    assert {row[column["is_significant"]] for row in rows[1:]} == {"true"}
    assert {row[column["trend"]] for row in rows[1:]} == {""}
