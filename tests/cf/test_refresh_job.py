"""The refresh job: a customer who came after the fit gets a factor and a list; a second run gives the same."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import numpy as np
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from cartograph.cf.settings import AlsSettings
from cartograph.core.errors import UserError
from cartograph.core.tables import schema
from cartograph.runtime.config import load_config
from cartograph.runtime.job import Suite
from jobs import refresh
from tests.cf.conftest import DAY

NOW = date(2011, 2, 16)
BOUGHT = ["cup0", "cup1"]


@pytest.fixture(scope="module")
def refreshed_shop(spark: SparkSession, shop: Suite) -> Suite:
    """On the day of the fit `late` bought two cups and user05 a new vase; other orders of the day were known before."""
    sold = [("late", product) for product in BOUGHT] + [("user05", "vase9")]
    rows = [
        {"event_id": f"{user}-{product}", "user_id": user, "product_id": product, "event_type": "purchase"}
        | {"order_id": f"o-{user}", "event_at": datetime(2011, 2, 15, 12), "event_on": DAY}
        for user, product in sold
    ]
    shop.tables.merge("silver.events", spark.createDataFrame(rows, schema.table("silver.events").columns))
    shop.run("refresh", refresh.run, as_of=NOW)
    return shop


def vectors(shop: Suite, day: date, side: str) -> dict[str, Any]:
    rows = shop.tables.read("gold.factors", day, model="als", side=side).collect()
    return {row.id: np.array(row.vector, dtype=np.float64) for row in rows}


def solved(weights: dict[str, float], fixed: dict[str, Any], settings: AlsSettings) -> Any:
    """The factor of one row from the definition, over all of the other side."""
    Y = np.array(list(fixed.values()))
    w = np.array([weights.get(name, 0.0) for name in fixed])
    C = 1 + settings.alpha * w
    left = Y.T @ (C[:, None] * Y) + settings.regularisation * (w > 0).sum() * np.eye(Y.shape[1])
    return np.linalg.solve(left, Y.T @ (C * (w > 0)))


def test_the_new_customer_has_the_factor_and_the_list_of_a_solve_by_hand(refreshed_shop: Suite) -> None:
    items = vectors(refreshed_shop, DAY, "product")
    expected = solved(dict.fromkeys(BOUGHT, 1.0), items, refreshed_shop.config.cf.als)
    assert vectors(refreshed_shop, NOW, "user")["late"] == pytest.approx(expected, rel=1e-2, abs=1e-3)
    known = items | vectors(refreshed_shop, NOW, "product")
    scores = {name: float(expected @ vector) for name, vector in known.items() if name not in BOUGHT}
    listed = refreshed_shop.tables.read("gold.candidates", NOW, model="als", user_id="late").orderBy("rank").collect()
    assert {row.product_id: row.score for row in listed} == pytest.approx(scores, rel=1e-2, abs=1e-3)
    assert listed[0].product_id == "cup2"


def test_what_came_or_changed_since_the_fit_is_solved_for_and_nothing_else(refreshed_shop: Suite) -> None:
    events = refreshed_shop.tables.read("silver.events", NOW).where(F.col("event_on") == F.lit(DAY)).collect()
    fitted = vectors(refreshed_shop, DAY, "user")
    assert {"late", "user05", "user20"} < {row.user_id for row in events} < {*fitted, "late"}
    assert set(vectors(refreshed_shop, NOW, "user")) == {row.user_id for row in events}
    assert set(vectors(refreshed_shop, NOW, "product")) == {row.product_id for row in events}
    listed = refreshed_shop.tables.read("gold.candidates", NOW, model="als").select("user_id").distinct().collect()
    assert {row.user_id for row in listed} == {row.user_id for row in events}
    alone = solved({"user05": 1.0}, fitted, refreshed_shop.config.cf.als)
    assert vectors(refreshed_shop, NOW, "product")["vase9"] == pytest.approx(alone, rel=1e-2, abs=1e-3)


def test_running_it_again_changes_nothing_and_reports_drift_again(
    refreshed_shop: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("gold.factors", "gold.candidates", "silver.events")
    before = [refreshed_shop.tables.version(name) for name in names]
    said: list[str] = []
    monkeypatch.setattr(refreshed_shop.progress, "say", said.append)
    with refreshed_shop.step("refresh", as_of=NOW) as job:
        job.config = load_config("demo", ["cf.refresh.drift_bound=0.08"])
        refresh.run(job)
    assert [refreshed_shop.tables.version(name) for name in names] == before
    assert any(text.startswith(f"users since the fit of {DAY}: 4.35% new") for text in said)  # 1 of 23
    assert any(text.startswith(f"products since the fit of {DAY}: 8.33% new") for text in said)  # 1 of 12
    assert any("more than cf.refresh.drift_bound, 0.08: a new fit is advised" in text for text in said)


def test_a_day_that_was_fitted_itself_or_has_no_fit_before_it_is_refused(refreshed_shop: Suite) -> None:
    with pytest.raises(UserError, match=f"als was fitted for {DAY} itself"):
        refreshed_shop.run("refresh", refresh.run, as_of=DAY)
    with pytest.raises(UserError, match="no factors of als were fitted before 2010-01-01"):
        refreshed_shop.run("refresh", refresh.run, as_of=date(2010, 1, 1))
