"""Reciprocal rank fusion against sums worked out by hand."""

from __future__ import annotations

import pytest
from pyspark.sql import DataFrame, SparkSession

from cartograph.rank.fusion.reciprocal_ranks import fused_lists

LISTS = [
    ("als", "ann", "lamp", 1),
    ("als", "ann", "cup", 2),
    ("rules", "ann", "cup", 1),
    ("rules", "ann", "bowl", 2),
    ("popularity", "ann", "vase", 1),
    ("popularity", "bob", "vase", 1),
    ("fused", "bob", "old", 1),
]


@pytest.fixture(scope="module")
def lists(spark: SparkSession) -> DataFrame:
    return spark.createDataFrame(LISTS, "model string, user_id string, product_id string, rank int")


def fused(lists: DataFrame, weights: dict[str, float]) -> dict[tuple[str, str], tuple[int, float, list[str]]]:
    rows = fused_lists(lists, "user_id", "product_id", 60, weights).collect()
    return {(row.user_id, row.product_id): (row["rank"], row.score, row.models) for row in rows}


def test_a_score_is_the_sum_of_weight_over_constant_plus_rank(lists: DataFrame) -> None:
    got = fused(lists, {"popularity": 0.25})
    assert got["ann", "cup"][1] == pytest.approx(1 / 61 + 1 / 62)
    assert got["ann", "lamp"][1] == pytest.approx(1 / 61)
    assert got["bob", "vase"][1] == pytest.approx(0.25 / 61)


def test_lists_are_ranked_from_one_by_falling_score(lists: DataFrame) -> None:
    got = fused(lists, {"popularity": 0.25})
    assert [product for (user, product), _ in sorted(got.items(), key=lambda item: item[1][0]) if user == "ann"] == [
        "cup", "lamp", "bowl", "vase",
    ]  # fmt: skip


def test_equal_scores_rank_in_order_of_product_id(lists: DataFrame) -> None:
    got = fused(lists, {})
    assert (got["ann", "lamp"][0], got["ann", "vase"][0]) == (2, 3)


def test_voters_are_listed_by_descending_vote(lists: DataFrame) -> None:
    assert fused(lists, {})["ann", "cup"][2] == ["rules", "als"]


def test_an_earlier_fusion_has_no_vote(lists: DataFrame) -> None:
    assert ("bob", "old") not in fused(lists, {})


def test_a_model_of_weight_zero_adds_neither_score_nor_rows(lists: DataFrame) -> None:
    got = fused(lists, {"popularity": 0})
    assert ("bob", "vase") not in got
    assert got["ann", "lamp"][0] == 2
