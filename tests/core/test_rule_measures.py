"""Every measure of a rule, by hand, and at the ends of its range."""

from __future__ import annotations

import math

import pytest
from pyspark.sql import Row, SparkSession

from cartograph.core.statistics.rule_measures import MEASURES, with_measures

# A in 400, B in 200, both in 160 of 1000 baskets: P(A) = .4, P(B) = .2, P(AB) = .16, .08 if independent.
BY_HAND = {
    "support": 0.16,
    "confidence": 0.4,
    "lift": 2.0,
    "leverage": 0.08,
    "leverage_baskets": 80.0,
    "conviction": 0.8 / 0.6,
    "zhang": 0.08 / 0.096,  # max(.16 * .6, .4 * (.2 - .16)) = .096
    "kulczynski": (0.4 + 0.8) / 2,
    "imbalance": 200 / 440,
    "jaccard": 160 / 440,
    "cosine": 0.16 / math.sqrt(0.08),
    "all_confidence": 0.4,
    "certainty": 0.2 / 0.8,
    "added_value": 0.2,
    "npmi": math.log(2) / -math.log(0.16),
    # 160 seen where 80 are expected, 240 : 320, 40 : 120, 560 : 480
    "log_likelihood": 2 * (160 * math.log(2) + 240 * math.log(0.75) + 40 * math.log(1 / 3) + 560 * math.log(560 / 480)),
    "shrunk_lift": 170 / 90,
}


def measured(spark: SparkSession, n_ab: int, n_a: int, n_b: int, n: int) -> Row:
    counts = spark.createDataFrame([(n_ab, n_a, n_b, n)], "n_ab long, n_a long, n_b long, n long")
    return with_measures(counts).head()  # type: ignore[return-value]


def test_every_measure_of_one_rule_is_as_computed_by_hand(spark: SparkSession) -> None:
    row = measured(spark, 160, 400, 200, 1000)
    assert {name: row[name] for name in MEASURES} == pytest.approx(BY_HAND)


# What association_rules of mlxtend 0.25.0 gives for such counts. Of the second rule, which goes against its right side,
# the certainty is left out: it divides by the room above (-1/3), where Berzal et al. (2002) divide by the room below.
@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ((3, 5, 4, 10), {"zhang": 2 / 3, "conviction": 1.5, "jaccard": 0.5, "certainty": 1 / 3, "kulczynski": 0.675}),
        (
            (1, 5, 4, 10),
            {"zhang": -2 / 3, "conviction": 0.75, "jaccard": 0.125, "kulczynski": 0.225},
        ),
    ],
)
def test_measures_agree_with_those_of_another_package(
    spark: SparkSession, counts: tuple[int, int, int, int], expected: dict[str, float]
) -> None:
    row = measured(spark, *counts)
    assert {name: row[name] for name in expected} == pytest.approx(expected)


def test_a_rule_that_never_fails(spark: SparkSession) -> None:
    row = measured(spark, 10, 10, 20, 100)
    assert row.confidence == 1
    assert row.conviction == math.inf
    assert row.zhang == pytest.approx(8 / 9)  # ten of the ninety others hold the right side too
    assert row.certainty == pytest.approx(1.0)
    assert row.npmi == pytest.approx(math.log(5) / math.log(10))


def test_sides_that_are_in_every_basket_are_uninformative(spark: SparkSession) -> None:
    row = measured(spark, 100, 100, 100, 100)
    expected = {"lift": 1, "leverage": 0, "conviction": 1, "zhang": 0, "certainty": 0, "npmi": 0, "log_likelihood": 0}
    assert {name: row[name] for name in expected} == pytest.approx(expected)


def test_independent_sides_are_in_the_middle_of_every_range(spark: SparkSession) -> None:
    row = measured(spark, 10, 50, 20, 100)
    middle = {"lift": 1, "leverage": 0, "conviction": 1, "zhang": 0, "certainty": 0, "added_value": 0, "npmi": 0,
              "log_likelihood": 0, "shrunk_lift": 1}  # fmt: skip
    assert {name: row[name] for name in middle} == pytest.approx(middle, abs=1e-12)


def test_large_counts_do_not_overflow(spark: SparkSession) -> None:
    n = 10**10
    row = measured(spark, n // 10, n // 5, n // 5, n)
    assert row.lift == pytest.approx(2.5)
    assert row.cosine == pytest.approx(0.5)
