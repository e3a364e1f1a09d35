"""Calibrated lists against the definition, and the category profiles that they follow."""

from __future__ import annotations

import numpy as np
import pytest
from pyspark.sql import SparkSession

from cartograph.rank.reranking.category_calibration import (
    calibrated,
    category_profiles,
    divergence,
    pick_calibrated,
)


def slow_divergence(profile: np.ndarray, listed: list[int]) -> float:
    shares = np.bincount(listed, minlength=len(profile)) / len(listed)
    mixed = 0.99 * shares + 0.01 * profile
    return sum(p * np.log(p / q) for p, q in zip(profile, mixed, strict=True) if p > 0)


def slow_pick(scores: np.ndarray, codes: np.ndarray, profile: np.ndarray, k: int, weight: float) -> list[int]:
    chosen: list[int] = []
    while len(chosen) < min(k, len(scores)):
        left = [each for each in range(len(scores)) if each not in chosen]
        gains = [
            (1 - weight) * scores[[*chosen, each]].sum() / scores.max()
            - weight * slow_divergence(profile, codes[[*chosen, each]].tolist())
            for each in left
        ]
        chosen.append(left[int(np.argmax(gains))])
    return chosen


@pytest.mark.parametrize("weight", [0.0, 0.4, 0.9])
def test_each_product_chosen_maximises_the_objective(weight: float) -> None:
    for seed in range(20):
        draw = np.random.default_rng(seed)
        scores, codes = np.sort(draw.random(15))[::-1].copy(), draw.integers(0, 4, 15)
        profile = draw.dirichlet([1, 1, 1, 0.001])
        own = np.flatnonzero(profile)
        found = pick_calibrated(scores, codes, profile, own, 6, weight)
        assert found.tolist() == slow_pick(scores, codes, profile, 6, weight)


def test_a_list_with_the_shares_of_the_profile_has_no_divergence() -> None:
    profile = np.array([0.5, 0.25, 0.25])
    assert divergence(profile, np.arange(3), np.array([2.0, 1.0, 1.0]), 4) == pytest.approx(0)
    assert divergence(profile, np.arange(3), np.array([4.0, 0.0, 0.0]), 4) > 1


def test_lists_follow_the_shares_of_the_history(spark: SparkSession) -> None:
    categories = spark.createDataFrame(
        [(f"{kind}{n}", kind) for kind in ("tea", "cup") for n in range(4)], "product_id string, category string"
    )
    histories = spark.createDataFrame(
        [("ann", ["tea0", "tea1", "cup0", "gone"]), ("bob", ["cup1"])], "user_id string, product_ids array<string>"
    )
    order = ["cup0", "cup1", "cup2", "cup3", "tea0", "tea1", "tea2", "unknown"]
    rows = [(user, product, 1 - place / 100, place + 1)
            for user in ("ann", "bob", "new") for place, product in enumerate(order)]  # fmt: skip
    lists = spark.createDataFrame(rows, "user_id string, product_id string, score double, rank int")
    profiles = category_profiles(histories, categories)
    assert {row.user_id: (row.own_categories, row.shares) for row in profiles.collect()} == {
        "ann": (["cup", "tea"], pytest.approx([1 / 3, 2 / 3])),
        "bob": (["cup"], [1.0]),
    }
    found: dict[str, list[str]] = {}
    for row in calibrated(lists, profiles, categories, 3, 0.5).orderBy("user_id", "rank").collect():
        found.setdefault(row.user_id, []).append(row.product_id)
    assert {user: sorted(products) for user, products in found.items()} == {
        "ann": ["cup0", "tea0", "tea1"], "bob": ["cup0", "cup1", "cup2"], "new": ["cup0", "cup1", "cup2"],
    }  # fmt: skip
