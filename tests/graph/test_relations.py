"""Relations planted in a generated shop are found again, with their evidence."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from cartograph.core.model import Silver
from cartograph.core.tables.schema import columns_of
from cartograph.graph.analytics.bundles import bundles
from cartograph.graph.analytics.by_graphframes import graph_of
from cartograph.graph.building.product_graph import product_graph
from cartograph.graph.relations.rules import relations
from cartograph.graph.relations.shared_companions import similar_pairs
from cartograph.graph.settings import BuildingSettings, BundleSettings, RelationSettings
from cartograph.preprocess.baskets import baskets as baskets_of
from cartograph.shop import truth
from cartograph.shop.catalogue import catalogue
from cartograph.shop.plan import Plan
from cartograph.shop.raw_events import raw_events
from cartograph.shop.raw_products import raw_products

PLAN = Plan(n_events=50_000, dirt=0.0)
Pairs = set[tuple[str, str]]


def planted(name: str) -> pd.DataFrame:
    shop = catalogue(PLAN)
    n = {"bundles": len(shop.bundles)}.get(name, len(shop.families.type))
    rows: pd.DataFrame = getattr(truth, name)(shop, np.arange(n))
    return rows


def pairs_of(name: str, column: str) -> Pairs:
    rows = planted(name)
    return set(zip(rows["product_id"], rows[column], strict=True))


@cache
def bundled() -> Pairs:
    return {(one, other) for ids in planted("bundles")["product_ids"] for one in ids for other in ids if one != other}


@pytest.fixture(scope="module")
def shop(spark: SparkSession) -> Silver:
    """The clean shop without its bots, which view several hundred products in one session."""
    raw = raw_events(spark, PLAN).where("dirt IS NULL OR dirt = 'missing_user'")
    at = F.to_timestamp("event_at")
    events = raw.withColumns({"event_at": at, "event_on": F.to_date(at)}).persist()
    sizes = events.groupBy("session_id").agg(F.count("*").alias("n")).where("n > 200").select("session_id")
    events = events.join(F.broadcast(sizes), "session_id", "left_anti")
    products = raw_products(spark, PLAN).withColumn("category", F.split("category", " > "))
    return Silver(events, baskets_of(events).persist(), products.persist())


@pytest.fixture(scope="module")
def edges(shop: Silver) -> DataFrame:
    return product_graph(shop, BuildingSettings())


@pytest.fixture(scope="module")
def found(edges: DataFrame, shop: Silver) -> pd.DataFrame:
    rows = relations(edges, shop, RelationSettings())
    assert rows.columns == [name for name in columns_of("gold.relations") if name != "as_of"]
    return rows.toPandas()


def first(found: pd.DataFrame, relation: str, k: int = 5) -> Pairs:
    rows = found[found["relation"] == relation].sort_values(["src", "score"], ascending=[True, False])
    best = rows.groupby("src").head(k)
    return set(zip(best["src"], best["dst"], strict=True))


def test_complements_are_planted_ones(found: pd.DataFrame) -> None:
    listed, known = first(found, "complement"), pairs_of("complements", "complement_id")
    assert len(listed & known) > 0.25 * len(known)  # every third planted one is bought twice or less
    assert len(listed & known) >= 0.9 * len(listed)
    assert len(listed & (known | bundled())) >= 0.95 * len(listed)


def test_substitutes_are_planted_ones(found: pd.DataFrame) -> None:
    listed, known = first(found, "substitute"), pairs_of("substitutes", "substitute_id")
    assert len(listed & known) >= 0.9 * len(listed)
    assert len(listed) > 0.5 * min(len(known), 5 * len({src for src, _ in known}))


def without_views(edges: DataFrame, shop: Silver, *hidden: str) -> pd.DataFrame:
    """What is found where orders are all that is known, and columns of the catalogue are empty."""
    never = {"n_views": F.lit(0), "view_lift": F.lit(0.0), "view_npmi": F.lit(-1.0), "view_p_value": F.lit(1.0)}
    kinds = {field.name: field.dataType for field in shop.products.schema}
    blank = shop.products.withColumns({name: F.lit(None).cast(kinds[name]) for name in hidden})
    bought = replace(shop, events=shop.events.where("event_type = 'purchase'"), products=blank)
    significant = F.col("p_value") * shop.products.count() <= 5.0  # as the graph of such a shop would be cut
    return relations(edges.where(significant).withColumns(never), bought, RelationSettings()).toPandas()


def test_without_views_substitutes_are_found_by_text_and_shared_companions(edges: DataFrame, shop: Silver) -> None:
    known = pairs_of("substitutes", "substitute_id")
    listed = first(without_views(edges, shop, "category"), "substitute")
    assert len(listed & known) >= 0.9 * len(listed) > 0.9 * 60


def test_without_views_and_words_there_are_no_substitutes(edges: DataFrame, shop: Silver) -> None:
    """Of pairs with the same companions, one in seven is a planted substitute; in one category, five in seven."""
    found = without_views(edges, shop, "title", "brand")
    assert "substitute" not in set(found["relation"])
    assert "complement" in set(found["relation"])


def test_variants_and_repeats_are_planted_ones(found: pd.DataFrame) -> None:
    listed, known = first(found, "variant"), pairs_of("variants", "variant_id")
    assert len(listed & known) >= 0.95 * max(len(listed), len(known))
    rhythms = set(planted("repeats")["product_id"])
    again = {src for src, _ in first(found, "repeat")}
    assert len(again & rhythms) >= 0.95 * len(again) > 0.95 * 40


def test_bundles_are_planted_ones(edges: DataFrame, shop: Silver) -> None:
    known = {frozenset(ids) for ids in planted("bundles")["product_ids"]}
    listed = {frozenset(row.product_ids) for row in bundles(graph_of(edges), shop.baskets, BundleSettings()).collect()}
    assert len(listed & known) >= 0.9 * max(len(listed), len(known))


def test_a_pair_has_one_relation_and_a_score_between_nothing_and_one(found: pd.DataFrame) -> None:
    assert not found.duplicated(["src", "dst"]).any()
    assert found["score"].between(0, 1).all()


def test_evidence_is_what_was_counted(found: pd.DataFrame, edges: DataFrame) -> None:
    row = found[found["relation"] == "complement"].sort_values("score").iloc[-1]
    evidence = json.loads(row["evidence"])
    [edge] = edges.where((F.col("src") == row["src"]) & (F.col("dst") == row["dst"])).collect()
    assert (evidence["n_orders"], evidence["n_views"]) == (edge.n_orders, edge.n_views)
    assert evidence["family_orders"] >= evidence["n_orders"] > 0
    assert evidence["is_same_type"] is False


def test_products_bought_with_the_same_others_are_similar(spark: SparkSession) -> None:
    rows = [("tea", "cup", 3, 0.6), ("tea", "pot", 3, 0.8), ("coffee", "cup", 2, 1.0), ("nail", "saw", 9, 0.5)]
    edges = spark.createDataFrame(rows, "src string, dst string, n_orders int, npmi double")
    found = {(row.src, row.dst): (row.similarity, row.n_shared) for row in similar_pairs(edges).collect()}
    assert found == {("tea", "coffee"): (0.6, 1), ("coffee", "tea"): (0.6, 1)}
