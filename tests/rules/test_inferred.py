"""Rules of rare products are inferred from their neighbours, with less belief, and marked."""

from __future__ import annotations

import pytest
from pyspark.sql import SparkSession

from cartograph.core.model import Silver
from cartograph.rules.inferred import inferred_pairs, title_vectors
from cartograph.rules.rules import Rules
from cartograph.rules.settings import RulesModelSettings
from tests.rules.baskets import frame

PAIRS = "product_id string, associated_product_id string, score double"


def test_scores_are_the_neighbours_mean_shrunk_by_their_baskets(spark: SparkSession) -> None:
    pairs = spark.createDataFrame([("near", "tea", 0.8), ("far", "tea", 0.4), ("far", "pot", 0.6)], PAIRS)
    baskets = frame(spark, [["near"]] * 30 + [["far"]] * 10 + [["rare"]] * 2 + [["often"]] * 20)
    rows = [("near", [1.0, 0.0]), ("rare", [2.0, 0.0]), ("far", [3.0, 4.0]), ("often", [1.0, 0.0]), ("odd", [0.0, 0.0])]
    vectors = spark.createDataFrame(rows, "product_id string, vector array<float>")
    found = inferred_pairs(pairs, baskets, vectors, RulesModelSettings(rare_baskets=20, shrinkage=18.0))
    answers = {(row.product_id, row.associated_product_id): row for row in found.collect()}
    # Similarities 1 and .6; the neighbours' baskets weigh 30 + 6 = 36, belief 36 / 54.
    assert {pair: row.score for pair, row in answers.items()} == pytest.approx(
        {("rare", "tea"): (0.8 + 0.6 * 0.4) / 1.6 * 2 / 3, ("rare", "pot"): 0.6 * 0.6 / 1.6 * 2 / 3}
    )
    assert answers["rare", "tea"].inferred_from == ["far", "near"]
    assert answers["rare", "pot"].similarity == pytest.approx(0.6)


def test_titles_of_the_same_words_are_similar(spark: SparkSession) -> None:
    titles = [("a", "red tea cup"), ("b", "Tea cup, RED"), ("c", "garden chair"), ("d", None), ("e", "..")]
    vectors = {
        row.product_id: row.vector
        for row in title_vectors(spark.createDataFrame(titles, "product_id string, title string")).collect()
    }
    assert set(vectors) == {"a", "b", "c"}
    assert vectors["a"] == vectors["b"]
    assert sum(x * y for x, y in zip(vectors["a"], vectors["c"], strict=True)) == 0


def test_a_new_colour_is_sold_with_what_the_old_one_was_sold_with(spark: SparkSession) -> None:
    baskets = frame(spark, [["cup", "tea"]] * 30 + [["cup"]] * 10 + [["tea"]] * 10 + [["pot"]] * 50 + [["new cup"]])
    titles = [("cup", "blue porcelain cup"), ("new cup", "green porcelain cup"), ("tea", "green tea"), ("pot", "pot")]
    products = spark.createDataFrame(titles, "product_id string, title string")
    model = Rules(min_support=0.05, min_similarity=0.3, rare_baskets=20).fit(Silver(baskets, baskets, products))
    lists = {(row.product_id, row.associated_product_id): row.score for row in model.associate(5).collect()}
    assert lists["cup", "tea"] == pytest.approx(0.75)
    assert 0 < lists["new cup", "tea"] < 0.75
    assert model.inferred_ is not None
    marked = {(row.product_id, row.associated_product_id) for row in model.inferred_.collect()}
    assert ("new cup", "tea") in marked
    assert ("cup", "tea") not in marked
    without = Rules(min_support=0.05, rare_baskets=0).fit(Silver(baskets, baskets, products))
    assert ("new cup", "tea") not in {(row[0], row[1]) for row in without.associate(5).collect()}
