"""Runs recorded with MLflow; a store that cannot be reached never costs a finished result."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cartograph.runtime.settings import Config


class Tracking:
    """Records runs: a parent per pipeline run, a child per step."""

    def __init__(self, config: Config) -> None:
        self.config = config

    @contextlib.contextmanager
    def run(self, name: str, parent: str | None = None) -> Iterator[None]:
        """A run of the given name; nested in `parent` where there is one."""
        yield

    def log_settings(self, settings: Mapping[str, Any]) -> None:
        """Records settings."""

    def log_metrics(self, metrics: Mapping[str, float]) -> None:
        """Records numbers."""

    def log_table_read(self, name: str, path: str, version: int) -> None:
        """Records a table version as an input."""

    def log_table_written(self, name: str, path: str, version: int, rows: int) -> None:
        """Records a table version as an output."""

    def log_figure(self, name: str, figure: Any) -> None:
        """Records a plot."""

    def log_file(self, path: Path) -> None:
        """Records a file."""
