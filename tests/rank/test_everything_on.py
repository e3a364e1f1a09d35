"""The whole flow with everything switched on, on real orders, with the memory of a small machine.

Two winter months of a few hundred customers, and one customer who ordered every product there is: what grows with a
customer, a basket or a product must not pass through the driver.
"""

from __future__ import annotations

import argparse
import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from cartograph.runtime.config import load_config
from cartograph.runtime.job import Suite
from cartograph.runtime.progress import Progress
from cartograph.runtime.tables import Tables
from cartograph.runtime.tracking import Tracking
from jobs import audit, evaluate, ingest, pipeline, preprocess, report
from tests.conftest import LOCAL

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("everything_on")]

DAY = date(2010, 2, 1)
ON = [
    "embed.models=[words,item2vec,attributes]", "sequence.models=[next_basket,gru]", "graph.enabled=true",
    "graph.models=[gfcf,lightgcn]", "cf.models=[popularity,item_neighbours,cooccurrence,swing,rp3beta,als]",
    "sequence.repurchases.enabled=true", "rank.exploration.slots=2",
    # The quality of the models does not matter here, so a little training is enough.
    "embed.words.iterations=1", "embed.item2vec.iterations=1", "sequence.gru.epochs=1", "graph.lightgcn.epochs=1",
    "cf.als.engine=native", "cf.als.iterations=2", "cf.als.rank=16", "graph.gfcf.n_vectors=16",
    "graph.analytics.iterations=2", "graph.analytics.rounds=2", "evaluate.n_resamples=100",
]  # fmt: skip
HOG = 99_999


def orders(whole: pd.DataFrame) -> pd.DataFrame:
    """Every twelfth customer's lines of December to February, and one order of all these products."""
    columns = ["Invoice", "StockCode", "Description", "Quantity", "InvoiceDate", "Price", "Customer ID", "Country"]
    until = pd.Timestamp(DAY + timedelta(days=28))
    some = whole[(whole.InvoiceDate < until) & (whole["Customer ID"] % 12 == 0)]
    first = some[(some.Quantity > 0) & (some.Price > 0)].drop_duplicates("StockCode")
    everything = first.assign(
        **{"Invoice": "999999", "Quantity": 1, "InvoiceDate": pd.Timestamp("2010-01-05 12:00"), "Customer ID": HOG}
    )
    return pd.concat([some, everything])[[*columns, "Sheet"]]


@pytest.fixture(scope="module")
def shop(spark: SparkSession, shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Suite:
    """The shop on `DAY`, evaluated on the four weeks after it."""
    folder = tmp_path_factory.mktemp("everything")
    file = shared_data / "online_retail_ii" / "online_retail_ii.parquet"
    orders(pd.read_parquet(file)).to_parquet(folder / "orders.parquet")
    config = load_config("demo", [*LOCAL, *ON, f"lake.root={folder}/lake", f"report.path={folder}/report"])
    suite = Suite("tests", config, spark, Tables.of(spark, config), Tracking(config), Progress())
    delivery = {"source": "online_retail_ii", "path": str(folder / "orders.parquet"), "until": None, "again": False}
    given = argparse.Namespace(**delivery, conf_dir=None)
    suite.run("ingest", ingest.run, arguments=given)
    suite.run("preprocess", preprocess.run)
    for step, run in pipeline.MODELS.items():
        suite.run(step, run, as_of=DAY)
    suite.run("audit", audit.run, as_of=DAY)
    suite.run("evaluate", evaluate.run, as_of=DAY + timedelta(days=config.evaluate.horizon_days))
    suite.run("report", report.run, as_of=DAY)
    return suite


def test_every_model_has_lists_and_the_fused_ones_are_evaluated_with_them(shop: Suite) -> None:
    lists = shop.tables.read("gold.candidates", DAY).groupBy("model").count().collect()
    expected = {*shop.config.cf.models, *shop.config.sequence.models, *shop.config.graph.models, "rules", "fused"}
    assert {row.model for row in lists} == expected
    evaluated = shop.tables.read("gold.evaluation", DAY).where("metric = 'ndcg' AND slice = 'all'").collect()
    assert {row.model for row in evaluated} >= expected
    assert all(row.n_users > 20 for row in evaluated)


def test_lists_have_no_gap_no_double_and_scores_that_their_parts_sum_to(shop: Suite) -> None:
    places: dict[str, list[Any]] = {}
    for row in shop.tables.read("gold.recommendations", DAY).orderBy("user_id", "rank").collect():
        places.setdefault(row.user_id, []).append(row)
    assert len(places) > 50
    for rows in places.values():
        assert [row["rank"] for row in rows] == list(range(1, len(rows) + 1))
        assert len({row.product_id for row in rows}) == len(rows)
        assert max(row.score for row in rows) == pytest.approx(1.0)
        assert all(sum(json.loads(row.evidence)["parts"].values()) == pytest.approx(row.score) for row in rows)
    related = shop.tables.read("gold.related_products", DAY).groupBy("product_id", "relation")
    longest = related.agg(F.max("rank").alias("last"), F.count("*").alias("n"), F.max("score").alias("best"))
    assert longest.where("last <> n OR best <> 1").isEmpty()


def test_an_order_of_everything_is_no_evidence_for_pairs(shop: Suite) -> None:
    """Such a customer is a wholesaler: only shoppers' orders are counted."""
    baskets = shop.tables.read("silver.baskets", DAY)
    assert baskets.agg(F.max(F.size("product_ids"))).first()[0] > 1_000  # type: ignore[index]
    shown = shop.tables.read("gold.related_products", DAY).where("why LIKE 'Bought together in%'")
    assert shown.count() > 1_000
