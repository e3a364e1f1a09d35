"""What a person sees while a job runs."""

from __future__ import annotations

import contextlib
import io
import re

import pytest
from rich.console import Console

from cartograph.runtime.progress import Progress


def test_a_log_file_gets_a_line_at_the_start_and_the_end_of_each_step() -> None:
    out = io.StringIO()
    progress = Progress(Console(file=out, width=100))
    with progress.step("rules 2011-11-01"):
        progress.wrote("gold.rules", 12345, changed=True)
        progress.wrote("gold.itemsets", 7, changed=False)
    lines = out.getvalue().splitlines()
    assert lines[:3] == ["· rules 2011-11-01", "    gold.rules: 12,345 rows", "    gold.itemsets: 7 rows, unchanged"]
    assert lines[3].startswith("✓ rules 2011-11-01 ")
    assert "\x1b" not in out.getvalue()


def test_a_failed_step_is_marked_and_its_error_is_raised() -> None:
    out = io.StringIO()
    with pytest.raises(ValueError), Progress(Console(file=out)).step("cf"):
        raise ValueError
    assert "✗ cf failed after" in out.getvalue()


def test_a_terminal_gets_a_live_line_that_is_gone_at_the_end() -> None:
    out = io.StringIO()
    progress = Progress(Console(file=out, force_terminal=True, width=80))
    with progress.step("outer"), progress.step("inner [not markup]"):
        progress.say("said")
    assert "\x1b[" in out.getvalue()
    assert "inner [not markup]" in out.getvalue()
    assert not progress._bars.tasks


@pytest.mark.parametrize("is_terminal", [True, False])
def test_text_from_data_is_printed_literally(is_terminal: bool) -> None:
    hostile = "Cup [/b] [set of 4] :smile: [link=x] \\[a] \\"
    out = io.StringIO()
    progress = Progress(Console(file=out, force_terminal=is_terminal, width=200, color_system=None))
    with progress.step(hostile):
        progress.say(hostile)
        progress.wrote(hostile, 1, changed=True)
    with contextlib.suppress(ValueError), progress.step(hostile):
        raise ValueError
    lines = [line.strip() for line in re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", out.getvalue()).splitlines()]
    assert f"{hostile}: 1 rows" in lines
    assert hostile in lines
    assert any(line.startswith(f"✓ {hostile} ") for line in lines)
    assert any(line.startswith(f"✗ {hostile} failed after ") for line in lines)


def test_escape_codes_and_direction_marks_do_not_reach_the_terminal() -> None:
    out = io.StringIO()
    Progress(Console(file=out, width=80)).say("Mug\x1b[2J\x9b31m\r\u202egnp.exe\u2066")
    assert out.getvalue() == "    Mug\ufffd[2J\ufffd31m\ufffdgnp.exe\n"


def test_a_line_of_a_log_is_one_line_however_long() -> None:
    out = io.StringIO()
    Progress(Console(file=out, width=80)).say("word " * 100)
    assert len(out.getvalue().splitlines()) == 1
