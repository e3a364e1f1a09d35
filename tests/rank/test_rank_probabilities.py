"""Purchase probabilities of ranks against shares counted by hand."""

from __future__ import annotations

import pytest
from pyspark.sql import DataFrame, SparkSession

from cartograph.rank.fusion.rank_probabilities import rank_probabilities
from cartograph.rank.fusion.reciprocal_ranks import fused_lists

USERS = ("ann", "bob", "eve", "max")
PLACES = ("cup", "lamp", "vase")


@pytest.fixture(scope="module")
def probabilities(spark: SparkSession) -> DataFrame:
    """In four customers' lists, the second product was bought three times, the first once, the third never."""
    lists = [("als", user, product, place) for user in USERS for place, product in enumerate(PLACES, 1)]
    chosen = [("ann", "cup"), ("ann", "lamp"), ("bob", "lamp"), ("eve", "lamp"), ("max", "sofa")]
    lists = spark.createDataFrame(lists, "model string, user_id string, product_id string, rank int")
    hits = spark.createDataFrame([(*pair, 1.0) for pair in chosen], "user_id string, product_id string, hit double")
    return rank_probabilities(lists, hits, "user_id", "product_id").persist()


def test_probabilities_are_shares_bought_and_never_increase_with_rank(probabilities: DataFrame) -> None:
    assert [row.probability for row in probabilities.orderBy("rank").collect()] == pytest.approx([0.5, 0.5, 0.0])


def test_votes_are_probabilities_and_sum_to_the_score(spark: SparkSession, probabilities: DataFrame) -> None:
    lists = spark.createDataFrame(
        [("als", "ann", "cup", 2), ("als", "ann", "vase", 3), ("unknown", "ann", "sofa", 1)],
        "model string, user_id string, product_id string, rank int",
    )
    rows = fused_lists(lists, "user_id", "product_id", 60, {"als": 0.5}, probabilities).orderBy("rank").collect()
    assert [(row.product_id, row.score, row.votes) for row in rows] == [("cup", 0.25, [0.25]), ("vase", 0.0, [0.0])]
