"""What the pipeline prints at its end."""

from __future__ import annotations

import pytest
from pyspark.sql import SparkSession

from jobs.pipeline import show
from tests.small_lake import HOSTILE, LATER, judged_shop


def test_titles_are_printed_as_they_are(
    spark: SparkSession, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    shop = judged_shop(spark)
    show(shop, LATER)
    printed = capsys.readouterr().out
    assert f" {HOSTILE} " in printed
    assert "│ fused " in printed
    assert f"report   {shop.config.report.path}/{LATER}.html" in printed
