"""The sequence job writes the lists of every model, for one day, in a small shop's lake, and keeps the weights."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from cartograph.core.training.weights import Weights
from cartograph.runtime.config import load_config
from cartograph.runtime.job import Suite
from jobs import sequence
from tests.small_lake import small_shop

DAY = date(2011, 2, 22)  # a day of its own: other tests own the lake's other days
GIVEN = [
    "sequence.models=[first_order, next_basket, gru]", "sequence.gru.epochs=2", "sequence.gru.width=8",
    "sequence.repurchases.enabled=true", "sequence.next_basket.min_count=1",
]  # fmt: skip


@pytest.fixture(scope="module")
def shop(spark: SparkSession) -> Suite:
    suite = small_shop(spark)
    with suite.step("sequence", as_of=DAY) as job:
        job.config = load_config("demo", GIVEN)
        sequence.run(job)
    return suite


def test_every_model_has_lists_for_products_and_for_customers(shop: Suite) -> None:
    # Every customer has bought the whole group by then, so nothing that came next is new to anybody.
    named = {"first_order", "next_basket", "gru"}
    expected = {"gold.associations": named, "gold.candidates": {"gru", "next_basket"}}
    for table, models in expected.items():
        found = {row.model for row in shop.tables.read(table, DAY).select("model").distinct().collect()}
        assert found == models


def test_candidates_are_new_to_the_customer(shop: Suite) -> None:
    bought = shop.tables.read("silver.events", DAY).where("event_type = 'purchase'")
    candidates = shop.tables.read("gold.candidates", DAY).where("model = 'gru'")
    assert candidates.count() > 0
    assert candidates.join(bought, ["user_id", "product_id"], "left_semi").count() == 0


def test_what_was_bought_may_be_bought_again(shop: Suite) -> None:
    bought = shop.tables.read("silver.events", DAY).where("event_type = 'purchase' AND user_id IS NOT NULL")
    again = shop.tables.read("gold.repurchases", DAY)
    assert again.count() == bought.select("user_id", "product_id").distinct().count()
    assert again.where(F.col("expected_on") < F.lit(DAY)).count() == 0
    listed = shop.tables.read("gold.candidates", DAY).where("model = 'next_basket'")
    assert listed.join(again, ["user_id", "product_id"], "left_semi").count() > 0


def test_customers_active_before_that_day_have_a_vector(shop: Suite) -> None:
    known = shop.tables.read("silver.events", DAY).where("user_id IS NOT NULL").select("user_id").distinct()
    vectors = shop.tables.read("gold.user_vectors", DAY)
    assert {row.model for row in vectors.collect()} == {"gru"}
    assert vectors.count() == known.count()


def test_attributions_of_network_scores_add_up(shop: Suite) -> None:
    lists = shop.tables.read("gold.candidates", DAY).where("model = 'gru' AND rank <= 20")
    attributed = shop.tables.read("gold.attributions", DAY)
    assert attributed.count() == lists.count()
    total = F.aggregate(F.map_values("parts"), F.lit(0.0), lambda total, part: total + part)
    both = lists.join(attributed, ["model", "user_id", "product_id"]).withColumn("total", total)
    assert both.where(F.abs(F.col("total") - F.col("score")) < 1e-4).count() == lists.count()


def test_the_weights_lie_beside_the_tables(spark: SparkSession, shop: Suite) -> None:
    folder = f"{shop.tables.root}/_weights/gru/{DAY}"
    assert {path.name for path in Path(folder).glob("weights.*")} == {"weights.json", "weights.safetensors"}
    weights = Weights.load(spark, folder)
    assert (weights.config["model"], weights.config["width"], weights.config["n_items"]) == ("gru", 8, 12)


def test_without_models_the_step_does_nothing(shop: Suite) -> None:
    before = shop.tables.version("gold.candidates")
    with shop.step("sequence", as_of=DAY) as job:
        job.config = load_config("demo", ["sequence.models=[]"])
        sequence.run(job)
    assert shop.tables.version("gold.candidates") == before
