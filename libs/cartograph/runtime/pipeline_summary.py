"""What the pipeline prints at its end: a few tables, and where everything is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from pyspark.sql import DataFrame
from rich.console import Console
from rich.table import Table

from cartograph.runtime.terminal import cell, printed
from cartograph.runtime.tracking_store import tracking_uri
from cartograph.settings import Config


def print_summary(tables: Mapping[str, DataFrame], config: Config, as_of: date) -> None:
    """Prints tables, by their titles, and the places of the lake, the runs and the report of a day."""
    console = Console()
    for title, rows in tables.items():
        console.print(printed_table(title, rows))
    uri = tracking_uri(config)
    console.print(printed(f"tables   {config.lake.root}"), soft_wrap=True)
    console.print(printed(f"runs     {uri} (mlflow ui --backend-store-uri {uri})"), soft_wrap=True)
    console.print(printed(f"report   {config.report.path}/{as_of}.html"), soft_wrap=True)


def printed_table(title: str, rows: DataFrame) -> Table:
    """A few rows as a table for the terminal."""
    shown = Table(*rows.columns, title=title)
    for row in rows.collect():
        shown.add_row(*map(cell, row))
    return shown
