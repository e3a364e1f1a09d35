"""What a person sees while a job runs."""

from __future__ import annotations

import io

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


def test_a_failed_step_is_marked_and_its_error_goes_on() -> None:
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
