"""What the pipeline prints at its end."""

from __future__ import annotations

import io

import pytest
from pyspark.sql import SparkSession
from rich.console import Console

from cartograph.runtime.pipeline_summary import printed_table
from jobs.pipeline import show
from tests.small_lake import HOSTILE, LATER, evaluated_shop


def test_titles_are_printed_as_they_are_and_in_one_line(spark: SparkSession) -> None:
    rows = [
        ("Cup [/b]", 0.5), ("Mug [set of 4] :smile:", 1.0), ("a\nb\x1b[2J\u202e", 2.0), ("x" * 500, None),
        (HOSTILE, 3.0),
    ]  # fmt: skip
    frame = spark.createDataFrame([(title, score) for title, score in rows], "product string, score double")
    out = io.StringIO()
    Console(file=out, width=300).print(printed_table("title", frame))
    cells = [[cell.strip() for cell in line.split("│")[1:3]] for line in out.getvalue().splitlines() if "│" in line]
    assert cells == [
        ["Cup [/b]", "0.5000"], ["Mug [set of 4] :smile:", "1.0000"], ["a b\ufffd[2J", "2.0000"],
        ["x" * 199 + "…", "–"], [HOSTILE, "3.0000"],
    ]  # fmt: skip


def test_related_products_the_models_and_all_places_are_printed(
    spark: SparkSession, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    shop = evaluated_shop(spark)
    show(shop, LATER)
    printed = capsys.readouterr().out
    assert "│ fused " in printed
    assert "Bought together in" in printed
    assert f"report   {shop.config.report.path}/{LATER}.html" in printed
