"""Recommendations from lists of neighbours: sums over the recent history."""

from __future__ import annotations

import numpy as np
import pytest
from pyspark.sql import DataFrame, SparkSession

from cartograph.core.search.neighbours import associations_of, lists_of, recommend_from_lists

N_ITEMS, N_USERS, K = 40, 25, 6
RNG = np.random.default_rng(3)
SCORES = RNG.integers(0, 4, (N_ITEMS, N_ITEMS)) * (1 - np.eye(N_ITEMS, dtype=int))  # small whole numbers: ties
HISTORIES = [RNG.integers(0, N_ITEMS + 2, size).tolist() for size in RNG.integers(0, 12, N_USERS)]  # some unknown


def product(i: int) -> str:
    return f"p{i:02}"


@pytest.fixture(scope="module")
def associations(spark: SparkSession) -> DataFrame:
    rows = [(product(i), product(j), float(SCORES[i, j])) for i, j in zip(*np.nonzero(SCORES), strict=True)]
    return spark.createDataFrame(rows, "product_id string, associated_product_id string, score double").persist()


@pytest.fixture(scope="module")
def users(spark: SparkSession) -> DataFrame:
    rows = [(f"u{user:02}", [product(i) for i in items]) for user, items in enumerate(HISTORIES)]
    return spark.createDataFrame(rows, "user_id string, product_ids array<string>").persist()


def expected(recent: int, mask_seen: bool, decay: float) -> list[tuple[str, str, float, int]]:
    rows = []
    for user, items in enumerate(HISTORIES):
        last = list(dict.fromkeys(reversed(items)))[:recent]
        total = {
            j: sum(decay**n * SCORES[i, j] for n, i in enumerate(last) if i < N_ITEMS)
            for j in range(N_ITEMS)
            if any(i < N_ITEMS and SCORES[i, j] for i in last) and not (mask_seen and j in items)
        }
        best = sorted(total.items(), key=lambda entry: (-entry[1], entry[0]))[:K]
        rows += [(f"u{user:02}", product(j), float(score), rank) for rank, (j, score) in enumerate(best, 1)]
    return sorted(rows)


@pytest.mark.parametrize(("recent", "mask_seen", "decay"), [(3, True, 1.0), (50, False, 0.5), (1, True, 1.0)])
def test_scores_are_summed_over_the_recent_history(
    associations: DataFrame, users: DataFrame, recent: int, mask_seen: bool, decay: float
) -> None:
    found = recommend_from_lists(lists_of(associations), users, K, recent, mask_seen, decay)
    assert sorted(map(tuple, found.collect())) == expected(recent, mask_seen, decay)


def test_customers_and_lists_that_do_not_meet_give_no_rows(associations: DataFrame, users: DataFrame) -> None:
    lists = lists_of(associations)
    assert recommend_from_lists(lists.where("false"), users, K).count() == 0
    assert recommend_from_lists(lists, users.where("false"), K).count() == 0


def test_lists_and_associations_hold_the_same_pairs(associations: DataFrame) -> None:
    again = associations_of(lists_of(associations), N_ITEMS)
    assert sorted(map(tuple, again.drop("rank").collect())) == sorted(map(tuple, associations.collect()))
    first = associations_of(lists_of(associations), 2).where("product_id = 'p03'").orderBy("rank").collect()
    partners = [product(j) for j in np.flatnonzero(SCORES[3])[:2]]
    assert [(row.associated_product_id, row.rank) for row in first] == [(partners[0], 1), (partners[1], 2)]
