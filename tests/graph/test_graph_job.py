"""The graph job writes the graph, the relations and the communities of a day in a small shop's lake."""

from __future__ import annotations

import json
from datetime import date

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from cartograph.core.errors import UserError
from cartograph.core.training.weights import Weights
from cartograph.runtime.config import load_config
from cartograph.runtime.job import Suite
from jobs import graph
from tests.small_lake import PRODUCTS, small_shop

BEFORE, DAY = date(2011, 2, 1), date(2011, 2, 15)
GIVEN = ["enabled=true", "analytics.run=[components]", "models=[gcn]", "gcn.epochs=2", "gcn.width=8",
         "training.backend=arrow"]  # fmt: skip


@pytest.fixture(scope="module")
def shop(spark: SparkSession) -> Suite:
    """The shop after the job, which found communities of an earlier day: cups, and everything else."""
    suite = small_shop(spark)
    earlier = [(name, "cups" if name.startswith("cup") else "the rest") for name in PRODUCTS]
    rows = spark.createDataFrame(earlier, "product_id string, community_id string")
    for name, kind in (("component_id", "string"), ("pagerank", "double"), ("core", "int"), ("n_triangles", "long"),
                       ("hub_id", "string"), ("hub_distance", "int")):  # fmt: skip
        rows = rows.withColumn(name, F.lit(None).cast(kind))
    suite.tables.replace("silver.communities", rows, as_of=BEFORE)
    with suite.step("graph", as_of=DAY) as job:
        job.config = load_config("demo", [f"graph.{setting}" for setting in GIVEN])
        graph.run(job)
    return suite


def test_edges_join_products_of_a_group(shop: Suite) -> None:
    rows = shop.tables.read("silver.product_graph", DAY).collect()
    assert len(rows) == 12  # cups and vases are bought two at a time, lamps and bowls one
    assert all(row.src[:-1] == row.dst[:-1] and row.n_orders > 0 for row in rows)


def test_relations_keep_their_evidence(shop: Suite) -> None:
    rows = shop.tables.read("gold.relations", DAY).collect()
    assert {row.relation for row in rows} >= {"complement"}
    complements = [row for row in rows if row.relation == "complement"]
    assert all(json.loads(row.evidence)["n_orders"] > 0 for row in complements)


def test_products_bought_two_at_a_time_make_no_bundle(shop: Suite) -> None:
    assert shop.tables.exists("gold.bundles")
    assert shop.tables.read("gold.bundles", DAY).count() == 0


def test_communities_hold_the_products_of_the_graph(shop: Suite) -> None:
    rows = shop.tables.read("silver.communities", DAY).collect()
    found = {row.product_id: row.component_id for row in rows}
    assert found == {f"{group}{n}": f"{group}0" for group in ("cup", "vase") for n in range(3)}
    assert {row.pagerank for row in rows} == {row.community_id for row in rows} == {None}


def test_a_step_that_is_switched_off_writes_nothing(shop: Suite) -> None:
    before = shop.tables.version("gold.relations")
    with shop.step("graph", as_of=DAY) as job:  # the demo's settings
        graph.run(job)
    assert shop.tables.version("gold.relations") == before


def test_models_write_lists_and_weights(shop: Suite) -> None:
    """On the shop's product graph; nothing is left to recommend to who has all of a group."""
    associations = shop.tables.read("gold.associations", DAY, model="gcn")
    assert {row.product_id for row in associations.collect()} == set(PRODUCTS)
    bought = shop.tables.read("silver.events", DAY).where("event_type = 'purchase'")
    candidates = shop.tables.read("gold.candidates", DAY, model="gcn")
    assert candidates.count() > 0
    assert candidates.join(bought, ["user_id", "product_id"], "left_semi").count() == 0
    assert Weights.load(shop.spark, f"{shop.tables.root}/_weights/gcn/{DAY}").config["model"] == "gcn"


def test_hubs_without_pagerank_are_refused() -> None:
    with pytest.raises(UserError, match=r"graph\.analytics.*hubs needs"):
        load_config("demo", ["graph.enabled=true", "graph.analytics.run=[hubs]"])
