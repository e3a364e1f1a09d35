"""One exported shop of a hundred thousand events for the tests that read raw files."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
from pyspark.sql import SparkSession

from cartograph.shop.export import export
from cartograph.shop.plan import Plan

PLAN = Plan(n_events=100_000)


@dataclass(frozen=True)
class Exported:
    """What lies below the shop's folder."""

    path: Path
    lines: list[str]
    events: pd.DataFrame  # the lines that can be parsed, as they are

    def truth(self, name: str) -> pd.DataFrame:
        """One table of planted truth."""
        return pd.read_parquet(self.path / "truth" / name)

    def pairs(self, name: str, left: str, right: str) -> set[tuple[str, str]]:
        """Two columns of a table of planted truth as a set of pairs."""
        frame = self.truth(name)
        return set(zip(frame[left], frame[right], strict=True))


@pytest.fixture(scope="package")
def exported(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """The shop of `PLAN`, exported."""
    path = tmp_path_factory.mktemp("shop")
    export(spark, PLAN, str(path))
    lines = []
    for file in sorted((path / "events").glob("part-*.gz")):
        lines += gzip.decompress(file.read_bytes()).decode().splitlines()
    return Exported(path, lines, pd.DataFrame([json.loads(line) for line in lines if line.endswith("}")]))
