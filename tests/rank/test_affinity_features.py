"""Affinity of candidates to a customer's recent products and region, worked out by hand."""

from __future__ import annotations

from datetime import date, datetime
from math import log

import pytest
from pyspark.sql import Row, SparkSession

from cartograph.core.model import Silver
from cartograph.rank.day import Day
from cartograph.rank.fusion.affinity_features import with_affinities

EVENTS = [
    ("1", "ann", "cup", "purchase", datetime(2011, 4, 1)),
    ("2", "ann", "lamp", "purchase", datetime(2011, 4, 2)),
    ("3", "bob", "vase", "purchase", datetime(2011, 4, 3)),
    ("4", "bob", "cup", "purchase", datetime(2011, 4, 4)),
]


@pytest.fixture(scope="module")
def rows(spark: SparkSession) -> dict[tuple[str, str], Row]:
    events = spark.createDataFrame(
        EVENTS, "event_id string, user_id string, product_id string, event_type string, event_at timestamp"
    )
    users = [("ann", "north"), ("bob", "south"), ("eve", None)]
    vectors = [("cup", [2.0, 0.0]), ("lamp", [0.0, 1.0]), ("saucer", [3.0, 3.0])]
    data = Silver(
        events, events, events,
        users=spark.createDataFrame(users, "user_id string, region string"),
        vectors=spark.createDataFrame(vectors, "product_id string, vector array<float>"),
    )  # fmt: skip
    relations = [("cup", "saucer", "complement", 0.9), ("lamp", "saucer", "complement", 0.4),
                 ("cup", "mug", "substitute", 0.7), ("saucer", "cup", "complement", 0.8)]  # fmt: skip
    communities = [("cup", "kitchen", 2.0), ("saucer", "kitchen", 1.0), ("lamp", "light", 1.0)]
    day = Day(
        date(2011, 5, 1), events, data,
        spark.createDataFrame(relations, "src string, dst string, relation string, score double"),
        spark.createDataFrame(communities, "product_id string, community_id string, pagerank double"),
    )  # fmt: skip
    asked = [("ann", "saucer"), ("ann", "mug"), ("ann", "vase"), ("eve", "saucer"), ("bob", "vase")]
    found = with_affinities(spark.createDataFrame(asked, "user_id string, product_id string"), day)
    return {(row.user_id, row.product_id): row for row in found.collect()}


def test_the_strongest_relation_from_a_recent_product_counts(rows: dict[tuple[str, str], Row]) -> None:
    assert rows["ann", "saucer"].pair_complement == 0.9
    assert rows["ann", "mug"].pair_substitute == 0.7
    assert rows["ann", "vase"].pair_complement is None


def test_a_community_counts_by_the_share_of_recent_products_in_it(rows: dict[tuple[str, str], Row]) -> None:
    assert rows["ann", "saucer"].pair_community == 0.5
    assert rows["ann", "saucer"].product_pagerank == 0.0
    assert rows["ann", "mug"].product_pagerank is None


def test_content_is_the_cosine_with_the_mean_of_the_recent_products(rows: dict[tuple[str, str], Row]) -> None:
    assert rows["ann", "saucer"].pair_content == pytest.approx(1.0)
    assert rows["eve", "saucer"].pair_content is None
    assert rows["bob", "vase"].pair_content is None


def test_a_region_counts_by_its_share_of_buyers(rows: dict[tuple[str, str], Row]) -> None:
    assert rows["bob", "vase"].pair_region == pytest.approx(log((1 + 0.5) / 2 / 0.5))
    assert rows["ann", "vase"].pair_region == pytest.approx(log(0.5 / 2 / 0.5))
    assert rows["eve", "saucer"].pair_region is None
