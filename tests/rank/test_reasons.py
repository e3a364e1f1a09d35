"""The words of each kind of reason."""

from __future__ import annotations

from datetime import datetime

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from cartograph.rank.explanation import reasons


@pytest.mark.parametrize(
    ("n_baskets", "n_users", "lift", "words"),
    [
        (1212, 90, 3.42, "bought together in 1,212 baskets, 3.4 times more often than chance"),
        (12, 9, 57.8, "bought together in 12 baskets, 58 times more often than chance"),
        (12, 9, 0.7, "bought together in 12 baskets"),
        (1, 3, 5.0, "bought in separate orders by 3 customers"),
        (0, 3, None, "bought in separate orders by 3 customers"),
        (1, 1, 5.0, "bought together in 1 basket, 5.0 times more often than chance"),
        (0, 1, None, "bought in separate orders by 1 customer"),
        (0, 0, None, None),
    ],
)
def test_a_pair_is_told_by_its_strongest_count(
    spark: SparkSession, n_baskets: int, n_users: int, lift: float | None, words: str | None
) -> None:
    row = spark.createDataFrame([(n_baskets, n_users, lift)], "n_baskets long, n_users long, lift double")
    assert row.select(reasons.of_pair()).collect()[0][0] == words


@pytest.mark.parametrize(
    ("models", "words"),
    [
        (["content"], "much like it in words, facts and use"),
        (["als", "content"], "bought by the same kind of customers"),
    ],
)
def test_a_pair_that_nobody_bought_is_told_by_who_listed_it(spark: SparkSession, models: list[str], words: str) -> None:
    row = spark.createDataFrame([(models,)], "models array<string>")
    assert row.select(reasons.of_alike()).collect()[0][0] == words


@pytest.mark.parametrize(
    ("event_type", "words"),
    [
        ("purchase", "you bought RED CUP on 3 May 2011"),
        ("view", "you looked at RED CUP on 3 May 2011"),
        ("cart", "you put RED CUP in your basket on 3 May 2011"),
        ("rating", "you rated RED CUP on 3 May 2011"),
    ],
)
def test_the_customers_own_event_is_named_with_its_day(spark: SparkSession, event_type: str, words: str) -> None:
    row = spark.createDataFrame([(event_type, datetime(2011, 5, 3, 9))], "event_type string, event_at timestamp")
    assert row.select(reasons.of_history(F.lit("RED CUP"))).collect()[0][0] == words


@pytest.mark.parametrize(
    ("models", "liked", "n_buyers", "words"),
    [
        (["popularity", "als"], None, 7, "chosen by customers whose purchases resemble yours"),
        (["als"], ["CUP"], 7, "chosen by customers whose purchases resemble yours, above all CUP"),
        (["als"], [], 7, "chosen by customers whose purchases resemble yours"),
        (["popularity"], None, 1431, "popular: bought by 1,431 customers"),
        (["text"], None, None, "new in the shop"),
    ],
)
def test_without_a_pair_the_voters_tell(
    spark: SparkSession, models: list[str], liked: list[str] | None, n_buyers: int | None, words: str
) -> None:
    row = spark.createDataFrame([(models, liked, n_buyers)], "models array<string>, liked array<string>, n_buyers long")
    assert row.select(reasons.of_voters(["als", "bpr"], F.col("liked"))).collect()[0][0] == words


def test_a_sentence_joins_clauses_and_skips_missing_ones(spark: SparkSession) -> None:
    row = spark.range(1).select(reasons.sentence(F.lit("you came"), F.lit(None), F.lit("we saw"))).collect()[0]
    assert row[0] == "You came; we saw."
