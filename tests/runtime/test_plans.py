"""Queries over few rows are interpreted, over many compiled, by the size of what is read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from cartograph.runtime.config import load_config
from cartograph.runtime.plans import fit_plans, size_of
from cartograph.runtime.tables import Tables
from cartograph.settings import Config

CODEGEN = "spark.sql.codegen.wholeStage"
MODE = "spark.sql.codegen.factoryMode"


@pytest.fixture
def session(spark: SparkSession) -> Iterator[SparkSession]:
    """The session, which has its own way to run queries back after the test."""
    before = {name: spark.conf.get(name) for name in (CODEGEN, MODE)}
    yield spark
    for name, value in before.items():
        spark.conf.set(name, str(value))


def config(root: Path, *settings: str) -> Config:
    return load_config("demo", [f"lake.root={root}", "spark.interpret_below_mb=0.001", *settings])


def is_compiled(spark: SparkSession, config: Config, inputs: str | None = None) -> bool:
    fit_plans(spark, config, Tables(spark, config.lake.root), inputs)
    assert (spark.conf.get(MODE) == "NO_CODEGEN") == (spark.conf.get(CODEGEN) == "false")
    return spark.conf.get(CODEGEN) == "true"


def test_the_size_of_inputs_and_raw_events_together_decides(session: SparkSession, tmp_path: Path) -> None:
    settings, inputs = config(tmp_path / "lake"), tmp_path / "orders.csv"
    assert not is_compiled(session, settings)
    inputs.write_bytes(b"x" * 600)
    assert not is_compiled(session, settings, str(inputs))
    stored = tmp_path / "lake" / "bronze" / "events" / "part.parquet"
    stored.parent.mkdir(parents=True)
    stored.write_bytes(b"x" * 500)
    assert not is_compiled(session, settings)
    assert is_compiled(session, settings, str(inputs))


def test_what_lies_elsewhere_counts_as_large(session: SparkSession, tmp_path: Path) -> None:
    assert is_compiled(session, config(tmp_path), "s3a://bucket/orders")
    assert is_compiled(session, config(tmp_path), "jdbc:postgresql://host/shop")


def test_a_choice_in_the_configuration_stands(session: SparkSession, tmp_path: Path) -> None:
    session.conf.set(CODEGEN, "true")
    session.conf.set(MODE, "FALLBACK")
    assert is_compiled(session, config(tmp_path, "spark.interpret_below_mb=0"))
    assert is_compiled(session, config(tmp_path, f"spark.conf={{{CODEGEN}: true}}"))


def test_sizes_are_those_of_all_files_below_a_folder_or_of_a_pattern(tmp_path: Path) -> None:
    (tmp_path / "day=1").mkdir()
    (tmp_path / "day=1" / "a.csv").write_bytes(b"abc")
    (tmp_path / "b.csv").write_bytes(b"ab")
    assert size_of(str(tmp_path)) == 5
    assert size_of(f"{tmp_path}/b.csv") == 2
    assert size_of(f"{tmp_path}/*/*.csv") == 3
    assert size_of(f"{tmp_path}/nothing") == 0
    assert size_of("abfss://lake@account/orders") is None
