"""The wording of each kind of reason."""

from __future__ import annotations

from datetime import datetime

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from cartograph.rank.explanation import reasons


@pytest.mark.parametrize(
    ("n_baskets", "n_users", "lift", "words"),
    [
        (1212, 90, 3.42, "bought together in 1,212 orders, 3.4 times more often than expected"),
        (12, 9, 57.8, "bought together in 12 orders, 58 times more often than expected"),
        (12, 9, 0.7, "bought together in 12 orders"),
        (1, 3, 5.0, "3 customers bought both in separate orders"),
        (0, 3, None, "3 customers bought both in separate orders"),
        (1, 1, 5.0, "bought together in 1 order, 5.0 times more often than expected"),
        (0, 1, None, "1 customer bought both in separate orders"),
        (0, 0, None, None),
    ],
)
def test_a_pair_is_explained_by_its_strongest_count(
    spark: SparkSession, n_baskets: int, n_users: int, lift: float | None, words: str | None
) -> None:
    row = spark.createDataFrame([(n_baskets, n_users, lift)], "n_baskets long, n_users long, lift double")
    assert row.select(reasons.of_pair()).collect()[0][0] == words


@pytest.mark.parametrize(
    ("models", "words"),
    [
        (["content"], "similar in description, features and use"),
        (["als", "content"], "popular with customers like those who bought it"),
    ],
)
def test_a_pair_without_purchases_is_explained_by_the_models_that_list_it(
    spark: SparkSession, models: list[str], words: str
) -> None:
    row = spark.createDataFrame([(models,)], "models array<string>")
    assert row.select(reasons.of_similar_customers()).collect()[0][0] == words


@pytest.mark.parametrize(
    ("event_type", "words"),
    [
        ("purchase", "you bought RED CUP on 3 May 2011"),
        ("view", "you viewed RED CUP on 3 May 2011"),
        ("cart", "you added RED CUP to your basket on 3 May 2011"),
        ("rating", "you rated RED CUP on 3 May 2011"),
    ],
)
def test_an_event_of_the_customer_is_given_with_its_day(spark: SparkSession, event_type: str, words: str) -> None:
    row = spark.createDataFrame([(event_type, datetime(2011, 5, 3, 9))], "event_type string, event_at timestamp")
    assert row.select(reasons.of_history(F.lit("RED CUP"))).collect()[0][0] == words


@pytest.mark.parametrize(
    ("models", "liked", "n_buyers", "words"),
    [
        (["popularity", "als"], None, 7, "popular with customers similar to you"),
        (["als"], ["CUP"], 7, "popular with customers who share your interest in CUP"),
        (["als"], [], 7, "popular with customers similar to you"),
        (["popularity"], None, 1431, "popular: bought by 1,431 customers"),
        (["text"], None, None, "new in the shop"),
    ],
)
def test_without_a_pair_the_models_explain_the_product(
    spark: SparkSession, models: list[str], liked: list[str] | None, n_buyers: int | None, words: str
) -> None:
    row = spark.createDataFrame([(models, liked, n_buyers)], "models array<string>, liked array<string>, n_buyers long")
    assert row.select(reasons.of_voters(["als", "bpr"], F.col("liked"))).collect()[0][0] == words


def test_a_sentence_joins_clauses_and_skips_missing_ones(spark: SparkSession) -> None:
    row = spark.range(1).select(reasons.sentence(F.lit("you came"), F.lit(None), F.lit("we saw"))).collect()[0]
    assert row[0] == "You came; we saw."
