"""Rules that rise, fade or belong to a season are distinguished from those that do not move."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pytest
from pyspark.sql import SparkSession
from scipy.stats import norm

from cartograph.rules.trends import with_trends

PAIRS = ("new", "old", "steady", "winter")
START = datetime(2024, 1, 1)


def probability(pair: str, month: int) -> float:
    """How often the second product of a pair comes with the first, by month since the start."""
    if pair == "new":
        return 0.1 + 0.7 * month / 23
    if pair == "old":
        return 0.8 - 0.7 * month / 23
    if pair == "winter":
        return 0.8 if month % 12 in (10, 11) else 0.2
    return 0.4


def sampled() -> list[tuple[str, int, bool]]:
    """Pair, month, and whether both products were bought: 40 baskets with the first of each pair every month."""
    random = np.random.default_rng(6)
    return [
        (pair, month, bool(random.random() < probability(pair, month)))
        for pair in PAIRS
        for month in range(24)
        for _ in range(40)
    ]


def test_every_rule_gets_its_trend_and_its_season(spark: SparkSession) -> None:
    sales = sampled()
    rows = [
        (START + timedelta(days=30.44 * month + 10), [f"{pair}1", f"{pair}2"] if both else [f"{pair}1"])
        for pair, month, both in sales
    ]
    baskets = spark.createDataFrame(rows, "ordered_at timestamp, product_ids array<string>").repartition(2)
    asked = [([f"{pair}1"], [f"{pair}2"]) for pair in PAIRS]
    rules = spark.createDataFrame(asked, "antecedent array<string>, consequent array<string>")
    found = {row.antecedent[0][:-1]: row for row in with_trends(rules, baskets).collect()}
    assert {pair: row.trend for pair, row in found.items()} == {
        "new": "rising", "old": "fading", "steady": "steady", "winter": "steady"
    }  # fmt: skip
    assert found["winter"].peak_month in (11, 12)
    assert found["steady"].peak_month is None
    assert found["new"].trend_per_year == pytest.approx(0.7 / 23 * 12, abs=0.08)
    for pair, row in found.items():
        months = np.array([month for name, month, _ in sales if name == pair], float)
        both = np.array([x for name, _, x in sales if name == pair], float)
        calendar = months % 12
        t = months - np.array([months[calendar == m].mean() for m in calendar])
        own = np.array([both[calendar == m].mean() for m in calendar])
        slope = (t @ both) / (t @ t)
        assert row.trend_per_year == pytest.approx(12 * slope)
        n = np.array([(calendar == m).sum() for m in calendar])
        z = t @ (both - own) / np.sqrt(t @ (t * own * (1 - own) * n / (n - 1)))
        assert row.trend_q >= 2 * norm.sf(abs(z)) - 1e-12


def test_a_rule_that_never_fails_or_was_seen_in_one_month_is_steady(spark: SparkSession) -> None:
    rows = [(START + timedelta(days=31 * month), ["a", "b"]) for month in range(6)] + [
        (START, ["c", "d"]),
        (START, ["c"]),
    ]
    baskets = spark.createDataFrame(rows, "ordered_at timestamp, product_ids array<string>")
    asked = [(["a"], ["b"]), (["c"], ["d"]), (["x"], ["y"])]
    rules = spark.createDataFrame(asked, "antecedent array<string>, consequent array<string>")
    found = {row.antecedent[0]: row for row in with_trends(rules, baskets).collect()}
    assert {row.trend for row in found.values()} == {"steady"}
    assert found["a"].trend_q == 1.0
    assert found["x"].trend_q is None
    assert all(row.peak_month is None for row in found.values())
