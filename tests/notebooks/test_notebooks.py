"""Every notebook runs from its first cell to its last on a small lake, and is what Databricks expects."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import pytest
from pyspark.sql import SparkSession

from tests.conftest import ROOT
from tests.small_lake import evaluated_shop

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.py"))


def run_notebook(path: Path) -> dict[str, object]:
    """The names a notebook leaves behind; its `# MAGIC` lines are comments to Python."""
    names: dict[str, object] = {"__name__": "__main__"}
    exec(compile(path.read_text(), str(path), "exec"), names)  # as a notebook does, in one namespace
    return names


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_the_notebook_is_in_databricks_source_format(path: Path) -> None:
    cells = path.read_text().split("\n# COMMAND ----------\n")
    assert cells[0].startswith("# Databricks notebook source\n# MAGIC %md\n")
    for cell in cells:
        lines = [line for line in cell.splitlines() if line and line != "# Databricks notebook source"]
        magic = [line.startswith("# MAGIC") for line in lines]
        assert all(magic) or not any(magic), f"a cell of {path.name} mixes text and code: {lines[:2]}"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_the_notebook_runs_on_a_small_lake(path: Path, spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = evaluated_shop(spark)
    monkeypatch.setenv("CARTOGRAPH_ENV", "demo")
    monkeypatch.setenv("CARTOGRAPH_SET", f"lake.root={shop.config.lake.root} spark.master=local[2]")
    matplotlib.use("Agg")
    monkeypatch.setattr(plt, "show", lambda *_, **__: None)
    try:
        run_notebook(path)
        assert plt.get_fignums(), "no plot was drawn"
    finally:
        plt.close("all")
