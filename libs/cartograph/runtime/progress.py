"""Live progress of a run: steps with their time and the rows they wrote."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

from rich.console import Console


class Progress:
    """Says on standard error which step runs and what it wrote."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True, highlight=False)

    @contextlib.contextmanager
    def step(self, title: str) -> Iterator[None]:
        """One step: its name while it runs, its time at the end."""
        started = time.monotonic()
        self.console.print(f"{title} …")
        try:
            yield
        except BaseException:
            self.console.print(f"[red]{title} failed[/] after {time.monotonic() - started:.1f} s")
            raise
        self.console.print(f"[green]{title}[/] {time.monotonic() - started:.1f} s")

    def wrote(self, table: str, rows: int, changed: bool) -> None:
        """One table written."""
        self.console.print(f"  {table}: {rows:,} rows{'' if changed else ' (unchanged)'}")

    def say(self, text: str) -> None:
        """One line of information."""
        self.console.print(f"  {text}")
