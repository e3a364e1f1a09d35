"""Repurchases happen as often as predicted, and probabilities stay low where nothing was bought again."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from cartograph.sequence.repurchases import intervals, repurchases
from cartograph.sequence.settings import RepurchaseSettings
from tests.core.checkerboard import filled

START = date(2026, 1, 1)
NAMED = "event_id string, user_id string, product_id string, event_type string, event_at timestamp"


def purchases_of(spark: SparkSession, rows: list[tuple[str, str, int]]) -> DataFrame:
    """Purchases by customer, product and day since START."""
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    events = [
        (f"e{number}", user, product, "purchase", noon + timedelta(days=day))
        for number, (user, product, day) in enumerate(rows)
    ]
    return filled(spark.createDataFrame(events, NAMED), "silver.events")


@pytest.fixture(scope="module")
def world() -> list[tuple[str, str, int]]:
    """Two years of 1,500 customers: 60 % of the purchases of `filter` are followed after about 30 days, of `mask` after
    90, and of `lamp` 5 % after 200.
    """
    rng = np.random.default_rng(3)
    rows = []
    for user in range(1500):
        for product, share, typical in (("filter", 0.6, 30.0), ("mask", 0.6, 90.0), ("lamp", 0.05, 200.0)):
            day = float(rng.integers(0, 600))
            while day < 730:
                rows.append((f"u{user}", product, int(day)))
                if rng.random() > share:
                    break
                u = rng.random()
                day += max(typical * (u / (1 - u)) ** 0.2, 1.0)
    return rows


@pytest.mark.parametrize("today", [180, 560])
def test_as_many_purchases_come_as_the_probabilities_add_up_to(
    spark: SparkSession, world: list[tuple[str, str, int]], today: int
) -> None:
    """In each fifth, the least likely first; a quarter is what few customers leave open of the share that returns."""
    known = purchases_of(spark, [row for row in world if row[2] < today])
    came = {(user, product) for user, product, day in world if today <= day < today + 30}
    rows = sorted(
        repurchases(known, START + timedelta(days=today), RepurchaseSettings(horizon_days=30)).collect(),
        key=lambda r: r.probability,
    )
    probabilities = np.array([row.probability for row in rows])
    hits = np.array([(row.user_id, row.product_id) in came for row in rows])
    for fifth in np.array_split(np.arange(len(rows)), 5):
        noise = np.sqrt((probabilities[fifth] * (1 - probabilities[fifth])).sum())
        assert abs(hits[fifth].sum() - probabilities[fifth].sum()) < 3 * noise + 0.25 * probabilities[fifth].sum() + 1
    assert hits[fifth].mean() > 3 * hits[: -len(fifth)].mean()
    typical = {row.product_id: row.interval_days for row in rows if row.n_purchases == 1}
    assert typical["filter"] == pytest.approx(30, rel=0.1)
    assert typical["mask"] == pytest.approx(90, rel=0.1)


def test_the_day_to_expect_is_after_the_typical_interval_and_never_in_the_past(spark: SparkSession) -> None:
    monthly = [(f"u{user}", "filter", 30 * step + user % 3) for user in range(40) for step in range(5)]
    rows = repurchases(
        purchases_of(spark, [*monthly, ("late", "filter", 0)]),
        START + timedelta(days=125),
        RepurchaseSettings(horizon_days=14),
    )
    found = {row.user_id: row for row in rows.collect()}
    assert found["u0"].last_on == START + timedelta(days=120)
    assert found["u0"].expected_on - found["u0"].last_on == timedelta(days=30)
    assert found["u0"].n_purchases == 5
    assert found["u0"].interval_days == pytest.approx(30, abs=0.5)
    assert found["late"].expected_on >= START + timedelta(days=125)
    assert found["late"].probability < found["u0"].probability
    assert all(0 <= row.probability <= 1 for row in found.values())


def test_days_count_once_and_the_last_interval_is_open(spark: SparkSession) -> None:
    rows = intervals(
        purchases_of(spark, [("u", "a", 0), ("u", "a", 0), ("u", "a", 9), ("u", "b", 4)]), START + timedelta(days=10)
    )
    found = {(row.product_id, row.is_first): (row.days, row.is_ended) for row in rows.collect()}
    assert found == {("a", True): (9, True), ("a", False): (1, False), ("b", True): (6, False)}


def test_without_any_repetition_everything_is_improbable_but_listed(spark: SparkSession) -> None:
    rows = repurchases(
        purchases_of(spark, [("u", "a", 0), ("v", "b", 90)]), START + timedelta(days=100), RepurchaseSettings()
    )
    found = {row.product_id: row.probability for row in rows.collect()}
    assert found == {"a": pytest.approx(0.0), "b": pytest.approx(0.0)}
    assert repurchases(purchases_of(spark, []).where(F.lit(False)), START, RepurchaseSettings()).count() == 0
