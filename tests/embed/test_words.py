"""Words learn from their company, their number is bounded, and products are the weighted mean of their words."""

from __future__ import annotations

import math
from datetime import date, timedelta

import numpy as np
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from cartograph.embed.skip_gram import least_count, token_counts
from cartograph.embed.vector_model import Earlier
from cartograph.embed.words import Words, mean_vectors, word_vectors

IDENTITY = 290_404_851  # Of the default settings: it must not change, or all words are learned again.
KITCHEN, GARDEN = ("cup", "bowl", "plate", "oven"), ("rake", "spade", "hose", "soil")


@pytest.fixture(scope="module")
def product_words(spark: SparkSession) -> DataFrame:
    """600 products of three words of one of two rooms, and a word that all have; one word that one product has."""
    rows = []
    for number in range(600):
        room = (KITCHEN, GARDEN)[number % 2]
        rows.append((f"p{number:03}", ["new", *(room[(number // 2 + step) % 4] for step in range(3))]))
    rows.append(("p600", ["new", "unheard"]))
    return spark.createDataFrame(rows, "product_id string, words array<string>").persist()


def test_word_vectors_are_used_again_unless_they_are_too_old_or_settings_differ(product_words: DataFrame) -> None:
    model, learned = Words(refit_days=30), Earlier(date(2011, 1, 20), product_words)
    assert [model.is_recent(learned, date(2011, 1, 20) + timedelta(days=days)) for days in (1, 30, 31)] == [
        True, True, False
    ]  # fmt: skip
    assert not model.is_recent(None, date(2011, 1, 21))
    assert Words(refit_days=9).identity == model.identity
    assert len({Words(**changed).identity for changed in ({}, {"width": 9}, {"language": None}, {"seed": 1})}) == 4
    assert model.identity == IDENTITY


def test_a_word_is_closer_to_those_it_occurs_with(product_words: DataFrame) -> None:
    known = word_vectors(product_words, width=8, iterations=10, min_count=2, seed=3)
    units = {row.word: np.array(row.vector) / np.linalg.norm(row.vector) for row in known.collect()}
    assert set(units) == {*KITCHEN, *GARDEN, "new"}  # the word of one product has none
    own = [units[one] @ units[other] for room in (KITCHEN, GARDEN) for one in room for other in room if one != other]
    across = [units[one] @ units[other] for one in KITCHEN for other in GARDEN]
    assert np.mean(own) > np.mean(across) + 0.25


def test_a_rare_word_weighs_more_than_one_that_all_have(product_words: DataFrame) -> None:
    known = {row.word: row.weight for row in word_vectors(product_words, width=2, iterations=1).collect()}
    assert known["new"] == pytest.approx(1.0)  # ln(602 / 602) + 1
    assert known["cup"] == pytest.approx(math.log(602 / 226) + 1)


def test_a_vocabulary_that_is_too_large_loses_its_rarest_words(product_words: DataFrame) -> None:
    tokens = product_words.select(F.col("words").alias("tokens"))
    assert least_count(token_counts(tokens), 1, 1_000) == 1
    assert least_count(token_counts(tokens), 1, 9) == 225
    assert [row.word for row in word_vectors(product_words, width=2, iterations=1, max_words=5).collect()] == ["new"]


def test_a_product_is_the_weighted_mean_of_the_words_that_are_known(spark: SparkSession) -> None:
    schema = "word string, vector array<float>, weight double"
    known = spark.createDataFrame([("a", [1.0, 0.0], 3.0), ("b", [0.0, 1.0], 1.0)], schema)
    rows = [("p", ["a", "b", "b", "z"]), ("q", ["z"]), ("r", ["b"])]
    products = spark.createDataFrame(rows, "product_id string, words array<string>")
    means = {row.product_id: row.vector for row in mean_vectors(products, known).collect()}
    assert set(means) == {"p", "r"}
    assert means["p"] == pytest.approx([3 / 5, 2 / 5])
    assert means["r"] == pytest.approx([0.0, 1.0])
