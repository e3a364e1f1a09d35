"""Rules with all measures and tests, and their measures in later baskets."""

from __future__ import annotations

import pytest
from pyspark.sql import Row, SparkSession

from cartograph.core.tables.schema import columns_of
from cartograph.rules.mining import mine
from cartograph.rules.rule_evaluation import evaluated_rules, with_holdout
from cartograph.rules.settings import RuleEvaluationSettings
from tests.rules.baskets import frame, mining

# Tea and a cup go together (30 of 40), sugar is in half of all baskets whatever else is, 100 baskets.
BASKETS = (
    [["tea", "cup", "sugar"]] * 15 + [["tea", "cup"]] * 15 + [["tea", "sugar"]] * 5 + [["tea"]] * 5
    + [["cup", "sugar"]] * 5 + [["cup"]] * 5 + [["sugar"]] * 25 + [["pot"]] * 25
)  # fmt: skip
USERS = [f"u{n % 10}" if n % 2 else None for n in range(100)]
LATER = [["tea", "cup"]] * 6 + [["tea"]] * 2 + [["cup"]] * 2 + [["pot"]] * 10


@pytest.fixture(scope="module")
def rules(spark: SparkSession) -> dict[str, Row]:
    baskets = frame(spark, BASKETS, USERS).persist()
    settings = mining(0.05, min_confidence=0.2)
    evaluated = evaluated_rules(mine(baskets, settings).persist(), baskets, settings, RuleEvaluationSettings())
    return {f"{'+'.join(row.antecedent)}>{row.consequent[0]}": row for row in evaluated.collect()}


def test_the_columns_are_those_of_the_table(rules: dict[str, Row]) -> None:
    given = {"as_of", "holdout_baskets", "holdout_confidence", "holdout_lift"}  # by the job, and by with_trends
    given |= {"trend", "trend_per_year", "trend_q", "peak_month", "season_q"}
    assert set(rules["tea>cup"].asDict()) == set(columns_of("gold.rules")) - given


def test_the_counts_behind_a_rule_are_given(rules: dict[str, Row]) -> None:
    row = rules["tea>cup"]
    assert (row.n_baskets, row.n_antecedent, row.n_consequent) == (30, 40, 40)
    assert row.confidence == pytest.approx(0.75)
    assert row.lift == pytest.approx(0.75 / 0.4)
    assert row.hyper_confidence == pytest.approx(1 - row.p_value)
    assert row.n_users == 5  # baskets 0 to 29: u1, u3, u5, u7, u9


def test_what_adds_nothing_is_redundant_and_not_significant(rules: dict[str, Row]) -> None:
    assert rules["tea>cup"].is_significant
    assert rules["tea>cup"].is_productive
    extra = rules["sugar+tea>cup"]  # 15 of 20: the same confidence as tea alone
    assert extra.improvement == pytest.approx(0.0)
    assert extra.is_redundant
    assert not extra.is_significant
    assert not rules["tea>sugar"].is_significant
    assert all(row.q_value >= row.p_value for row in rules.values())
    assert all(row.is_productive for row in rules.values() if row.is_significant)


def test_the_holdout_counts_later_baskets(spark: SparkSession) -> None:
    asked = [(["tea"], ["cup"]), (["pot"], ["cup"]), (["sugar"], ["cup"]), (["tea"], ["sugar"])]
    rules = spark.createDataFrame(asked, "antecedent array<string>, consequent array<string>")
    found = {
        (row.antecedent[0], row.consequent[0]): tuple(row)[2:]
        for row in with_holdout(rules, frame(spark, LATER)).collect()
    }
    assert found["tea", "cup"] == (6, pytest.approx(0.75), pytest.approx(0.75 / 0.4))
    assert found["pot", "cup"] == (0, 0.0, 0.0)
    assert found["sugar", "cup"] == (0, None, None)  # nobody bought sugar
    assert found["tea", "sugar"] == (0, 0.0, None)
