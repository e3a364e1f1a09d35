"""The contract of every section of the page: adding one is adding a folder."""

from __future__ import annotations

import re
import shutil
import subprocess
from datetime import date
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession

from cartograph.core.tables import schema
from cartograph.report.page_content import ORDER, page_content, query_of, section_names
from cartograph.report.render import draw_function, report_html
from cartograph.report.report_day import ReportDay
from cartograph.report.settings import ReportSettings
from tests.report.page import REPORT, Elements, content, data_of

SECTIONS = REPORT / "sections"


def test_sections_follow_the_list_and_folders_that_it_lacks_come_last() -> None:
    names = section_names()
    assert tuple(names[: len(ORDER)]) == ORDER
    assert set(names) == {path.parent.name for path in SECTIONS.glob("*/query.py")}


@pytest.mark.parametrize("name", section_names())
def test_a_section_has_a_label_and_a_heading_that_the_page_refers_to(name: str) -> None:
    assert query_of(name).LABEL
    template = (SECTIONS / name / "template.html.j2").read_text()
    assert template.count('<h2 id="{{ name }}-title">') == 1


@pytest.mark.parametrize("path", sorted(SECTIONS.glob("*/script.js")), ids=lambda path: path.parent.name)
def test_a_script_defines_the_function_that_the_page_calls(path: Path) -> None:
    assert re.search(rf"^function {draw_function(path.parent.name)}\(\)", path.read_text(), re.MULTILINE)


def test_the_scripts_of_the_page_are_one_valid_program(tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node: the page's scripts cannot be checked here")
    program = report_html(content()).split("<script>")[1].split("</script>")[0]
    path = tmp_path / "page.js"
    path.write_text(program)  # two scripts that define the same constant would be an error
    subprocess.run([node, "--check", str(path)], check=True, timeout=60)
    assert [name for name in section_names() if f"\n{draw_function(name)}();" in program] == drawn()


def drawn() -> list[str]:
    """The sections that have a script."""
    return [name for name in section_names() if (SECTIONS / name / "script.js").is_file()]


def test_a_shop_without_any_table_has_a_page_that_says_what_is_missing(spark: SparkSession) -> None:
    def nothing(name: str) -> DataFrame:
        return spark.createDataFrame([], schema.table(name).columns)

    day = ReportDay(date(2011, 5, 1), ReportSettings(), nothing, nothing, {}, 30, 20)
    page = report_html(page_content(day))
    text = " ".join(Elements(page).text.split())
    assert "run the rank step for it" in text
    assert "No rules on this date" in text
    assert "No batch has gone through preprocess yet." in text
    assert data_of(page)["sales"] == {"weeks": []}
