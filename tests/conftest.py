"""Fixtures of the whole suite: one local Spark session, tables in a temporary folder, real data, a small cluster."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from cartograph.runtime.config import load_config
from cartograph.runtime.session import spark_session
from cartograph.runtime.tables import Tables
from cartograph.settings import Config
from tests.cluster import Cluster

ROOT = Path(__file__).parents[1]
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")  # the suite runs in two processes, each with a session of its own
LOCAL = [
    "spark.master=local[2]",
    "spark.driver_memory=2g",
    "spark.shuffle_partitions=2",
    f"spark.temp_dir=build/tests/spark{WORKER}",
    f"lake.root=build/tests/lake{WORKER}",
    "tracking.enabled=false",
    "lake.skip_steps=false",  # A test repeats a step to see what it does.
    # A test has a handful of rows: compiling a query, or planning it again, costs more than running it.
    "spark.conf={spark.sql.adaptive.enabled: false, spark.sql.codegen.wholeStage: false, "
    "spark.sql.codegen.factoryMode: NO_CODEGEN}",
]


EVALUATED = {
    "rank",
    "audit",
    "evaluate",
    "report",
    "notebooks",
}  # folders whose tests share a lake that all steps have run in


def pytest_itemcollected(item: pytest.Item) -> None:
    """Tests that share what takes long to make run in one process; those that need Spark are marked."""
    folder = item.path.parent.name
    shared = "cluster" if item.get_closest_marker("cluster") else "evaluated" if folder in EVALUATED else folder
    if not item.get_closest_marker("xdist_group"):
        item.add_marker(pytest.mark.xdist_group(shared))
    if "spark" in getattr(item, "fixturenames", ()):
        item.add_marker(pytest.mark.spark)


@pytest.fixture(scope="session")
def config() -> Config:
    """The demo environment, sized for tests."""
    return load_config("demo", LOCAL)


@pytest.fixture(scope="session")
def spark(config: Config) -> Iterator[SparkSession]:
    """The suite's own session: local[2] with Delta and GraphFrames."""
    session = spark_session(config, "tests")
    yield session
    session.stop()


@pytest.fixture
def tables(spark: SparkSession, tmp_path: Path) -> Tables:
    """An empty lake."""
    return Tables(spark, str(tmp_path / "lake"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data sets; skips where there is none."""
    folder = Path(os.environ.get("CARTOGRAPH_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data: {folder} does not exist (set CARTOGRAPH_DATA)")
    return folder


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A real cluster of two executor processes; see `tests/cluster.py` for how to use it."""
    running = Cluster()
    yield running
    running.stop()
