"""Shops with too little data still go through every step: empty tables, and a message that says why."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from cartograph.cf.settings import CfSettings
from cartograph.graph.settings import GraphSettings
from cartograph.runtime.last_day import day_after_last_event
from cartograph.sequence.settings import SequenceSettings
from jobs import audit, evaluate, pipeline, refresh, report
from tests.lake import Lake, declaration

START = datetime(2025, 5, 5, 9)
HEADER = ("receipt", "customer", "kind", "item", "at")
COLUMNS = {"user_id": "customer", "product_id": "item", "event_type": "kind", "order_id": "receipt", "event_at": "at"}
Line = tuple[str, str, str, str, datetime]

EVERY_STEP = [
    "embed.models=[words,item2vec,attributes]", "embed.item2vec.iterations=1", "rules.analyses=[trends,groups,utility]",
    "rules.model.rare_baskets=3", "cf.models=[popularity,als]", "cf.als.iterations=1", "sequence.models=[next_basket]",
    "sequence.repurchases.enabled=true", "graph.enabled=true", "graph.analytics.run=[communities,pagerank]",
    "graph.models=[gfcf]", "rank.exploration.slots=1", "rank.rules.min_stock=1",
]  # fmt: skip
EVERY_MODEL = [
    f"cf.models=[{','.join(CfSettings.choices())}]", "cf.bpr.iterations=1",
    f"sequence.models=[{','.join(SequenceSettings.choices())}]",
    *(f"sequence.{name}.epochs=1" for name in ("lstm", "gru", "transformer")),
    "graph.analytics.run=[components,communities,pagerank,triangles,cores,hubs]",
    f"graph.models=[{','.join(GraphSettings.choices())}]",
    *(f"graph.{name}.epochs=1" for name in ("lightgcn", "gcn", "gat")),
]  # fmt: skip


def hours(n: int) -> datetime:
    return START + timedelta(hours=n)


def nothing_kept() -> Iterator[Line]:
    """Purchases of products that nobody named."""
    for n in range(5):
        yield f"o{n}", "u1", "purchase", "", START


def guests() -> Iterator[Line]:
    """Eight orders of two products each, by nobody known."""
    for order in range(8):
        for item in (order, order + 1):
            yield f"o{order}", "", "purchase", f"p{item % 3}", hours(order)


def a_return_alone() -> Iterator[Line]:
    """Single purchases of eight customers, and one who only brings something back."""
    for n in range(24):
        yield f"o{n}", f"u{n % 8}", "purchase", f"p{3 * n % 10}", hours(n)
    yield "", "lonely", "return", "p1", hours(200)


SHOPS: dict[str, tuple[Callable[[], Iterator[Line]], list[str]]] = {
    "nothing kept": (nothing_kept, EVERY_STEP),
    "guests": (guests, EVERY_STEP + EVERY_MODEL),
    "a return alone": (a_return_alone, EVERY_STEP),
}


def lake_of(spark: SparkSession, folder: Path, lines: Iterator[Line], settings: list[str]) -> Lake:
    """The shop's lines, ingested and preprocessed."""
    lake = Lake(spark, folder, *settings, f"report.path={folder}/report")
    kinds = {name: "timestamp" if name == "at" else "string" for name in HEADER}
    inputs = {"lines": {"format": "csv", "options": {"header": "true"}, "columns": kinds}}
    lake.declare("thin", declaration(inputs=inputs, events={"input": "lines", "columns": COLUMNS}))
    with (folder / "lines.csv").open("w", newline="") as file:
        csv.writer(file).writerows([HEADER, *lines])
    lake.ingest("thin", folder / "lines.csv")
    lake.preprocess()
    return lake


@pytest.mark.slow
@pytest.mark.xdist_group("thin_shops")
@pytest.mark.parametrize("shop", SHOPS)
def test_every_step_ends_well(spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shop: str) -> None:
    said: list[str] = []
    lines, settings = SHOPS[shop]
    lake = lake_of(spark, tmp_path, lines(), settings)
    monkeypatch.setattr(lake.suite.progress, "say", said.append)
    as_of = day_after_last_event(lake.suite.tables)
    assert as_of == max(line[-1] for line in lines()).date() + timedelta(days=1)
    for step, run in pipeline.MODELS.items():
        lake.suite.run(step, run, as_of=as_of)
    for step, run in (("audit", audit.run), ("evaluate", evaluate.run), ("report", report.run)):
        lake.suite.run(step, run, as_of=as_of)
    lake.suite.run("refresh", refresh.run, as_of=as_of + timedelta(days=1))
    pipeline.show(lake.suite, as_of)
    assert (tmp_path / "report" / f"{as_of}.html").stat().st_size > 10_000
    listed = {row.model for name in ("candidates", "associations") for row in
              lake.read(f"gold.{name}").select("model").distinct().collect()}  # fmt: skip
    config = lake.suite.config
    for model in {*config.cf.models, *config.sequence.models, *config.graph.models} - listed:
        assert any(text.startswith((f"{model} ", f"{model}: ")) for text in said), model
