"""The lists per customer and per product, from a shop small enough to read."""

from __future__ import annotations

import json
from datetime import date, datetime
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession

from cartograph.core.model import Silver
from cartograph.rank.explanation import score_parts
from cartograph.rank.explanation.pair_evidence import with_evidence
from cartograph.rank.explanation.recommendations import recent_products, recommendations
from cartograph.rank.fusion.reciprocal_ranks import fused_lists
from cartograph.rank.related_products import related_products
from cartograph.rank.score_shares import as_shares
from cartograph.rank.settings import RankSettings
from cartograph.runtime.tables import Tables
from tests.cluster import Cluster

EVENTS = [
    ("1", "ann", "cup", "purchase", datetime(2011, 5, 3)),
    ("2", "ann", "cup", "view", datetime(2011, 5, 9)),
    ("3", "bob", "cup", "purchase", datetime(2011, 5, 1)),
    ("4", "bob", "saucer", "purchase", datetime(2011, 5, 1)),
    ("5", "eve", "cup", "purchase", datetime(2011, 5, 2)),
    ("6", "eve", "saucer", "purchase", datetime(2011, 5, 2)),
    ("7", "eve", "lamp", "purchase", datetime(2011, 5, 4)),
]
BASKETS = [
    ("o1", "ann", ["cup"]),
    ("o2", "bob", ["cup", "saucer"]),
    ("o3", "eve", ["cup", "saucer"]),
    ("o4", "eve", ["lamp"]),
    ("o5", None, ["vase"]),
    ("o6", None, ["vase"]),
]


@pytest.fixture(scope="module")
def shop(spark: SparkSession) -> Silver:
    return shop_of(spark)


@pytest.fixture(scope="module")
def associations(spark: SparkSession, shop: Silver) -> DataFrame:
    return associations_of(spark, shop)


def shop_of(spark: SparkSession) -> Silver:
    return Silver(
        events=spark.createDataFrame(
            EVENTS, "event_id string, user_id string, product_id string, event_type string, event_at timestamp"
        ),
        baskets=spark.createDataFrame(BASKETS, "order_id string, user_id string, product_ids array<string>"),
        products=spark.createDataFrame([("cup", "RED CUP"), ("saucer", None)], "product_id string, title string"),
    )


def associations_of(spark: SparkSession, shop: Silver) -> DataFrame:
    rows = [("rules", "cup", "saucer", 1), ("als", "cup", "lamp", 1), ("als", "cup", "vase", 2)]
    lists = spark.createDataFrame(rows, "model string, product_id string, associated_product_id string, rank int")
    return with_evidence(fused_lists(lists, "product_id", "associated_product_id", 60, {}), shop.baskets)


def test_each_related_product_has_its_counts(shop: Silver, associations: DataFrame) -> None:
    rows = related_products(associations, 5)[0].orderBy("rank").collect()
    assert [(row.associated_product_id, row.why) for row in rows] == [
        ("lamp", "1 customer bought both in separate orders."),
        ("saucer", "Bought together in 2 orders, 2.0 times more often than expected."),
        ("vase", "Popular with customers like those who bought it."),
    ]


def test_the_list_per_product_is_cut_at_k(shop: Silver, associations: DataFrame) -> None:
    assert related_products(associations, 2)[0].count() == 2


def test_substitutes_and_variants_have_lists_of_their_own(spark: SparkSession, associations: DataFrame) -> None:
    rows = [
        ("cup", "lamp", "substitute", 0.6, '{"n_views":12,"view_lift":3.42,"n_orders":0}'),
        ("cup", "mug", "substitute", 0.7, '{"n_views":0,"n_shared":4}'),
        ("cup", "red cup", "variant", 1.0, '{"same_title":"cup"}'),
        ("cup", "saucer", "complement", 0.9, '{"n_orders":2}'),
        ("cup", "cup", "repeat", 0.5, "{}"),
    ]
    typed = spark.createDataFrame(rows, "src string, dst string, relation string, score double, evidence string")
    found = related_products(associations, 5, typed)[0].orderBy("relation", "rank").collect()
    assert [(row.relation, row["rank"], row.associated_product_id) for row in found] == [
        ("complement", 1, "saucer"), ("complement", 2, "vase"),
        ("substitute", 1, "mug"), ("substitute", 2, "lamp"), ("variant", 1, "red cup"),
    ]  # fmt: skip
    assert [row.score for row in found] == pytest.approx([1.0, 61 / 62, 1.0, 0.6 / 0.7, 1.0])
    forbidden = spark.createDataFrame([("mug", "stock"), ("saucer", "not_listed"), ("cup", "stock")],
                                      "product_id string, hidden_by string")  # fmt: skip
    shown, hidden = related_products(associations, 1, typed, forbidden)
    assert {(row.relation, row["rank"], row.associated_product_id) for row in shown.collect()} == {
        ("complement", 1, "vase"), ("substitute", 1, "lamp"), ("variant", 1, "red cup"),
    }  # fmt: skip
    assert {(row.relation, row["rank"], row.associated_product_id, row.hidden_by) for row in hidden.collect()} == {
        ("complement", 1, "saucer", "not_listed"), ("substitute", 1, "mug", "stock"),
    }  # fmt: skip
    assert {row.associated_product_id: row.why for row in found if row.relation != "complement"} == {
        "mug": "Goes well with 4 of the same products.",
        "lamp": "Viewed together in 12 sessions, 3.4 times more often than expected.",
        "red cup": "The same product in another size, colour or pack size.",
    }


def test_each_recommendation_has_the_best_reason_available(
    spark: SparkSession, shop: Silver, associations: DataFrame
) -> None:
    candidates = [("als", "eve", "cup", 1), ("als", "ann", "saucer", 1), ("als", "ann", "jug", 2),
                  ("popularity", "ann", "lamp", 3), ("gru", "ann", "fan", 4), ("gcn", "ann", "kilt", 5),
                  ("popularity", "bob", "lamp", 1), ("gru", "bob", "bulb", 2),
                  ("popularity", "new", "cup", 1)]  # fmt: skip
    lists = spark.createDataFrame(candidates, "model string, user_id string, product_id string, rank int")
    fused = as_shares(fused_lists(lists, "user_id", "product_id", 60, {"popularity": 0.5}), "user_id")
    fused = fused.withColumn("parts", score_parts.of_votes())
    liked = [("ann", "jug", {"cup": 0.5, "mug": 0.2, "pot": 0.1, "other": 0.1})]
    tastes = spark.createDataFrame(liked, "user_id string, product_id string, taste map<string, double>")
    lost = [("gru", "bob", "bulb", {"saucer": 0.1, "cup": 0.6, "other": 0.2}),
            ("lstm", "bob", "bulb", {"saucer": 0.3, "other": 0.2}),
            ("gru", "ann", "fan", {"cup": 1.0, "other": 0.0})]  # fmt: skip
    attributions = spark.createDataFrame(
        lost, "model string, user_id string, product_id string, parts map<string, double>"
    )
    goes_on = [("cup", "fan", 0.1, ["gru"], 0, 0, None), ("cup", "kilt", 0.1, ["gcn"], 0, 0, None)]
    more = spark.createDataFrame(
        goes_on, "product_id string, associated_product_id string, score double, models array<string>, "
        "n_baskets long, n_users long, lift double",
    )  # fmt: skip
    given = associations.select(*more.columns).unionByName(more)
    edges = spark.createDataFrame(
        [("cup", "saucer", 2, 0.9), ("saucer", "kilt", 3, 0.5), ("saucer", "fan", 2, 0.5), ("cup", "lamp", 2, 0.7)],
        "src string, dst string, n_orders long, weight double",
    )
    settings = RankSettings(k=5, recent=20, user_models=("als",), sequence_models=("gru",))
    rows = recommendations(
        fused, given, shop, settings, edges=edges, tastes=tastes, attributions=attributions
    ).collect()
    assert {(row.user_id, row.product_id): row.why for row in rows} == {
        ("ann", "saucer"): "You bought RED CUP on 3 May 2011; bought together in 2 orders, "
        "2.0 times more often than expected.",
        ("ann", "jug"): "Popular with customers who share your interest in RED CUP and mug.",
        ("ann", "fan"): "You bought RED CUP on 3 May 2011; customers often choose this next.",
        ("ann", "kilt"): "You bought RED CUP on 3 May 2011; both go well with saucer.",
        ("ann", "lamp"): "You bought RED CUP on 3 May 2011; 1 customer bought both in separate orders.",
        ("bob", "lamp"): "You bought RED CUP on 1 May 2011; 1 customer bought both in separate orders.",
        ("bob", "bulb"): "Based on your recent activity, especially RED CUP and saucer.",
        ("new", "cup"): "Popular: bought by 3 customers.",
        ("eve", "cup"): "You bought it on 2 May 2011.",
    }
    for row in rows:
        assert sum(json.loads(row.evidence)["parts"].values()) == pytest.approx(row.score)
    evidence = {(row.user_id, row.product_id): json.loads(row.evidence) for row in rows}
    assert evidence["ann", "saucer"] == {
        "parts": {"als": 1.0}, "because_of": "cup", "n_baskets": 2, "n_users": 0, "lift": 2.0, "n_buyers": 2,
    }  # fmt: skip
    assert evidence["ann", "kilt"] == {"parts": {"gcn": 61 / 65}, "because_of": "cup", "via": "saucer"}
    assert evidence["ann", "jug"]["taste"] == {"cup": 0.5, "mug": 0.2, "pot": 0.1, "other": 0.1}
    assert evidence["bob", "bulb"]["sequence"] == {
        "gru": {"saucer": 0.1, "cup": 0.6, "other": 0.2}, "lstm": {"saucer": 0.3, "other": 0.2},
    }  # fmt: skip
    assert evidence["ann", "fan"]["sequence"] == {"gru": {"cup": 1.0, "other": 0.0}}
    assert evidence["eve", "cup"] == {"parts": {"als": 1.0}, "days_bought": 1, "n_buyers": 3}


def test_a_product_bought_and_viewed_later_is_explained_by_its_purchase(shop: Silver) -> None:
    [row] = recent_products(shop, 20).where("user_id = 'ann'").collect()
    assert (row.product_id, row.event_type, row.event_at) == ("cup", "purchase", datetime(2011, 5, 3))


def test_only_the_last_events_may_be_a_reason(shop: Silver) -> None:
    rows = recent_products(shop, 1).where("user_id = 'eve'").collect()
    assert [row.product_id for row in rows] == ["lamp"]


def rank_on_cluster(spark: SparkSession, root: str) -> dict[str, str]:
    """What the test below runs on a cluster: fuse, give reasons, write, read back."""
    tables, day = Tables(spark, root), date(2011, 6, 1)
    tables.replace("gold.related_products", related_products(associations_of(spark, shop_of(spark)), 5)[0], as_of=day)
    rows = tables.read("gold.related_products", day).collect()
    return {row.associated_product_id: row.why for row in rows}


@pytest.mark.cluster
def test_related_products_on_a_cluster(cluster: Cluster, tmp_path: Path) -> None:
    assert cluster.run(rank_on_cluster, str(tmp_path)) == {
        "lamp": "1 customer bought both in separate orders.",
        "saucer": "Bought together in 2 orders, 2.0 times more often than expected.",
        "vase": "Popular with customers like those who bought it.",
    }
