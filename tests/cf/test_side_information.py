"""Descriptions give factors to products with few customers; those with many rely on their interactions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from cartograph.cf.als import Als
from cartograph.cf.factorisation.side_information import with_prior
from cartograph.core.model import Silver
from tests.cluster import Cluster

KINDS = ("hat", "mug", "toy")
PRODUCTS = "product_id string, title string, category array<string>, brand string"


def products_of(spark: SparkSession) -> DataFrame:
    """Thirty products of three kinds; nobody has seen the last of each kind."""
    rows = [
        (f"{kind}{i}", f"A {colour} {kind}!", ["home", f"{kind}s"], f"brand {i % 3}")
        for kind in KINDS
        for i, colour in enumerate(("red", "blue", "green", "grey", "pink", "white", "black", "gold", "brown", "lime"))
    ]
    return spark.createDataFrame(rows, PRODUCTS)


def taste(product_id: str) -> Any:
    """The factor planted for a product: its kind's direction, and a little of its own."""
    own = np.random.default_rng(int(product_id[-1])).normal(size=3) / 20
    return np.eye(3)[KINDS.index(product_id[:-1])] + own


def factors_of(spark: SparkSession) -> dict[str, Any]:
    """Factors with the prior, where 5 customers had to do with each known product."""
    known = [f"{kind}{i}" for kind in KINDS for i in range(9)]
    factors = spark.createDataFrame(
        [*((name, [float(x) for x in taste(name)]) for name in known), ("myst0", [1.0, 2.0, 3.0])],
        "product_id string, vector array<float>",
    )
    weights = spark.createDataFrame(
        [(f"u{user}", name, 1.0) for user in range(5) for name in [*known, "myst0"]],
        "user_id string, product_id string, weight double",
    )
    rows = with_prior(factors, weights, products_of(spark), strength=5.0).collect()
    return {row.product_id: row.vector for row in rows}


def check(found: dict[str, Any]) -> None:
    for kind in KINDS:
        new = np.array(found[f"{kind}9"])  # nobody has seen it: its kind's direction alone
        assert new.argmax() == KINDS.index(kind)
        assert new.max() > 3 * np.abs(np.delete(new, new.argmax())).max()
        known = np.array(found[f"{kind}0"])  # half learned, half from the description
        assert np.linalg.norm(known - taste(f"{kind}0")) < 0.6
    assert found["myst0"] == [1.0, 2.0, 3.0]  # not in the catalogue: there is no prior


def test_new_products_get_the_factors_of_their_kind(spark: SparkSession) -> None:
    found = factors_of(spark)
    assert set(found) == {f"{kind}{i}" for kind in KINDS for i in range(10)} | {"myst0"}
    check(found)


def shop(spark: SparkSession) -> tuple[Silver, DataFrame]:
    """Customers that buy one kind each, and for each the product of that kind that nobody has bought yet."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    rng = np.random.default_rng(1)
    bought = [
        (f"u{user:02}", f"{KINDS[user % 3]}{i}") for user in range(45) for i in rng.choice(9, size=5, replace=False)
    ]
    events = spark.createDataFrame(
        [(f"e{n}", user, item, "purchase", start + timedelta(hours=n)) for n, (user, item) in enumerate(bought)],
        "event_id string, user_id string, product_id string, event_type string, event_at timestamp",
    ).persist()
    later = spark.createDataFrame(
        [(f"u{user:02}", f"{KINDS[user % 3]}9") for user in range(45)], "user_id string, product_id string"
    )
    return Silver(events, events, products_of(spark)), later


def test_customers_are_shown_new_products_of_what_they_like(spark: SparkSession) -> None:
    data, later = shop(spark)
    users = data.events.groupBy("user_id").agg(F.collect_list("product_id").alias("product_ids"))
    hits = {}
    for strength in (0.0, 2.0):
        model = Als(engine="native", rank=3, iterations=5, prior_strength=strength).fit(data)
        hits[strength] = model.recommend(users, 6).join(later, ["user_id", "product_id"]).count()
    assert hits[0.0] == 0  # a product without customers has no factor
    assert hits[2.0] >= 40  # of 45


def new_products_on_cluster(spark: SparkSession) -> dict[str, Any]:
    return factors_of(spark)


@pytest.mark.cluster
def test_factors_from_descriptions_on_a_real_cluster(cluster: Cluster) -> None:
    check(cluster.run(new_products_on_cluster))
