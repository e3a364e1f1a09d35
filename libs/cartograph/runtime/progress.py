"""Live progress of a run on standard error: its steps, how long each takes, what each wrote.

On a terminal the running step has a spinner and a clock; elsewhere (a log file, a scheduler) there is a line at the
start and one at the end of each step.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping

from rich import progress as bars
from rich.console import Console
from rich.text import Text

from cartograph.runtime.terminal import printed


class Progress:
    """Shows steps as they run."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True, highlight=False)
        self._bars = bars.Progress(
            bars.SpinnerColumn(finished_text="✓"),
            bars.TextColumn("{task.description}", markup=False),
            bars.TimeElapsedColumn(),
            console=self.console,
            transient=True,
        )
        self._depth = 0

    @contextlib.contextmanager
    def step(self, title: str) -> Iterator[None]:
        """One step: shown while it runs, with its time when it is done."""
        started = time.monotonic()
        with self._shown(title):
            try:
                yield
            except BaseException:
                self._line(printed(f"✗ {title}", "red"), f" failed after {time.monotonic() - started:.1f} s")
                raise
            took = (f" {time.monotonic() - started:.1f} s", "dim")
            self._line(("✓ ", "green"), printed(title), took)

    @contextlib.contextmanager
    def _shown(self, title: str) -> Iterator[None]:
        if not self.console.is_terminal:
            self._line("· ", printed(title))
            yield
            return
        if self._depth == 0:
            self._bars.start()
        self._depth += 1
        task = self._bars.add_task(printed(title).plain, total=None)
        try:
            yield
        finally:
            self._bars.remove_task(task)
            self._depth -= 1
            if self._depth == 0:
                self._bars.stop()

    def skipped(self, title: str, reason: str) -> None:
        """A step that need not run."""
        self._line(("✓ ", "green"), printed(title), (f" skipped: {reason}", "dim"))

    def wrote(self, table: str, rows: int, changed: bool, parts: Mapping[str, int] | None = None) -> None:
        """One table written, or found to hold these rows already; `parts` are the rows of each model."""
        each = ", ".join(f"{name} {n:,}" for name, n in (parts or {}).items())
        self.say(f"{table}: {rows:,} rows{f' ({each})' if each else ''}{'' if changed else ', unchanged'}")

    def say(self, text: str) -> None:
        """One line of information."""
        self._line("    ", printed(text))

    def _line(self, *parts: str | Text | tuple[str, str]) -> None:
        """Prints one line, however long: the log of a scheduler is searched by lines."""
        self.console.print(Text.assemble(*parts), soft_wrap=True)
