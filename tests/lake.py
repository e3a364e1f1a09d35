"""A lake of a test's own in which ingest and preprocess run, with sources that the test declares."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import yaml
from pyspark.sql import DataFrame, Row, SparkSession

from cartograph.runtime.config import load_config
from cartograph.runtime.job import Job, Suite
from cartograph.runtime.progress import Progress
from cartograph.runtime.tables import Tables
from cartograph.runtime.tracking import Tracking
from jobs import ingest, preprocess
from tests.conftest import LOCAL, ROOT


class Lake:
    """Tables under `folder`/lake, declarations under `folder`/sources."""

    def __init__(self, spark: SparkSession, folder: Path, *settings: str) -> None:
        self.spark, self.folder = spark, folder
        config = load_config("demo", [*LOCAL, f"lake.root={folder}/lake", *settings])
        self.suite = Suite("tests", config, spark, Tables.of(spark, config), Tracking(config), Progress())
        self.sources = folder / "sources"

    def declare(self, name: str, text: str) -> str:
        """Declares source `name` and returns its name."""
        self.sources.mkdir(exist_ok=True)
        (self.sources / f"{name}.yml").write_text(text)
        return name

    def ship(self, name: str) -> str:
        """Takes over a declaration of the project."""
        return self.declare(name, (ROOT / "conf" / "sources" / f"{name}.yml").read_text())

    def job(self, name: str) -> Job:
        """A job to run in parts."""
        suite = self.suite
        none = argparse.Namespace()
        return Job(name, suite.config, None, self.spark, suite.tables, suite.tracking, suite.progress, none)

    def ingest(self, source: str, path: Path | str, **options: Any) -> None:
        """Runs jobs/ingest.py."""
        defaults = {"until": None, "again": False, "conf_dir": self.folder}
        given = argparse.Namespace(source=source, path=str(path), **{**defaults, **options})
        self.suite.run("ingest", ingest.run, arguments=given)

    def preprocess(self) -> None:
        """Runs jobs/preprocess.py."""
        self.suite.run("preprocess", preprocess.run)

    def read(self, name: str) -> DataFrame:
        """A table."""
        return self.suite.tables.read(name)

    def rows(self, name: str, *columns: str) -> list[tuple[Any, ...]]:
        """Some columns of a table, sorted."""
        found: list[Row] = self.read(name).select(*columns).collect()
        return sorted((tuple(row) for row in found), key=str)

    def versions(self) -> dict[str, int]:
        """The version of every table there is."""
        folders = [folder.parent for folder in (self.folder / "lake").glob("*/*/_delta_log")]
        names = [f"{folder.parent.name}.{folder.name}" for folder in folders]
        return {name: self.suite.tables.version(name) for name in sorted(names)}


def declaration(**parts: Any) -> str:
    """A declaration as YAML."""
    return yaml.safe_dump({"about": "made for a test", **parts}, sort_keys=False)
