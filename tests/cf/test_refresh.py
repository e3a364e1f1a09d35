"""Factors of new and changed rows, solved against the fixed side, from a real Delta change feed; drift is measured."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from cartograph.cf.drift import Drift, drift, drift_report
from cartograph.cf.factorisation.row_solver import gram, solved_rows
from cartograph.cf.refresh import Fit, distinct_ids, last_fit, replaced
from cartograph.cf.settings import AlsSettings
from cartograph.core.errors import UserError
from tests.cluster import Cluster

N_USERS, N_ITEMS = 40, 30
SETTINGS = AlsSettings(rank=4, alpha=8.0, regularisation=0.1)


def fixed_items() -> Any:
    return np.random.default_rng(2).normal(size=(N_ITEMS, SETTINGS.rank)).astype(np.float32) / 2


def rated() -> Any:
    """Weights of customers and products; one customer has them all, and some weights are negative."""
    rng = np.random.default_rng(3)
    known = rng.random((N_USERS, N_ITEMS)) < 0.3
    known[7] = True
    return np.where(known, rng.choice([-1.0, 1.0, 2.0], known.shape), 0.0)


def pairs_of(spark: SparkSession) -> DataFrame:
    rows = [(f"u{u:02}", f"p{i:02}", float(rated()[u, i])) for u, i in np.argwhere(rated())]
    return spark.createDataFrame(rows, "user_id string, product_id string, weight double")


def items_of(spark: SparkSession) -> DataFrame:
    rows = [(f"p{i:02}", vector.tolist()) for i, vector in enumerate(fixed_items())]
    return spark.createDataFrame(rows, "product_id string, vector array<float>")


def expected(user: int) -> Any:
    """The customer's factor from the definition, over all products."""
    Y, weights = fixed_items().astype(np.float64), rated()[user]
    C, n = 1 + SETTINGS.alpha * np.abs(weights), max((weights > 0).sum(), 1)
    left = Y.T @ (C[:, None] * Y) + SETTINGS.regularisation * n * np.eye(SETTINGS.rank)
    return np.linalg.solve(left, Y.T @ (C * (weights > 0)))


def solved(spark: SparkSession, batch_rows: int) -> dict[str, list[float]]:
    spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", batch_rows)
    try:
        rows = solved_rows(pairs_of(spark), "user_id", items_of(spark), SETTINGS).collect()
    finally:
        spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", 10_000)
    assert len({row.user_id for row in rows}) == len(rows)
    return {row.user_id: row.vector for row in rows}


@pytest.mark.parametrize("batch_rows", [1, 7, 10_000])
def test_factors_are_exact_however_histories_are_cut_into_batches(spark: SparkSession, batch_rows: int) -> None:
    found = solved(spark, batch_rows)
    assert set(found) == {f"u{u:02}" for u in np.flatnonzero(rated().any(axis=1))}
    for user, vector in found.items():
        assert vector == pytest.approx(expected(int(user[1:])), rel=2e-3, abs=2e-4)


def test_products_are_solved_for_like_customers(spark: SparkSession) -> None:
    turned = pairs_of(spark).toDF("product_id", "user_id", "weight")
    fixed = items_of(spark).withColumnRenamed("product_id", "user_id")
    row = solved_rows(turned.where("product_id = 'u07'"), "product_id", fixed, SETTINGS).collect()
    assert [r.product_id for r in row] == ["u07"]
    assert row[0].vector == pytest.approx(expected(7), rel=2e-3, abs=2e-4)


def test_the_gram_matrix_is_that_of_all_factors(spark: SparkSession) -> None:
    found = gram(items_of(spark).repartition(3), SETTINGS)
    assert found == pytest.approx(fixed_items().T @ fixed_items(), rel=1e-5)


def test_the_change_feed_says_whose_factors_are_out_of_date(spark: SparkSession, tmp_path: Path) -> None:
    path = str(tmp_path / "events")
    pairs = pairs_of(spark)
    pairs.where("user_id < 'u30'").write.format("delta").option("delta.enableChangeDataFeed", "true").save(path)
    spark.sql(f"DELETE FROM delta.`{path}` WHERE user_id = 'u03'")
    pairs.where("user_id = 'u35'").write.format("delta").mode("append").save(path)
    feed = spark.read.format("delta").option("readChangeFeed", "true").option("startingVersion", 1).load(path)
    assert {row.user_id for row in distinct_ids(feed, "user_id").collect()} == {"u03", "u35"}

    old = solved_rows(pairs.where("user_id < 'u30'"), "user_id", items_of(spark), SETTINGS)
    history = spark.read.format("delta").load(path).join(distinct_ids(feed, "user_id"), "user_id")
    new = solved_rows(history, "user_id", items_of(spark), SETTINGS)
    assert [row.user_id for row in new.collect()] == ["u35"]
    now = replaced(old, "user_id", new)
    assert now.count() == old.count() + 1
    assert now.where("user_id = 'u35'").head().vector == pytest.approx(expected(35), rel=2e-3, abs=2e-4)  # type: ignore[union-attr]


def test_drift_counts_new_rows_and_measures_how_far_old_ones_moved(spark: SparkSession) -> None:
    schema = "user_id string, vector array<float>"
    fitted = spark.createDataFrame([("a", [3.0, 0.0]), ("b", [0.0, 4.0]), ("c", [0.0, 0.0]), ("d", [0.0, 0.0])], schema)
    newer = spark.createDataFrame([("b", [3.0, 4.0]), ("new", [9.0, 9.0])], schema)
    found = drift(fitted, newer, "user_id")
    assert found == Drift(new_share=1 / 4, changed_share=1 / 4, movement=pytest.approx(3 / 5))
    assert found.advises_fit(bound=0.5)
    assert not found.advises_fit(bound=0.7)
    unmoved = drift(fitted, newer.where(F.lit(False)), "user_id")
    assert unmoved == Drift(0.0, 0.0, 0.0)


def test_the_report_names_both_sides_and_advises_a_fit_beyond_the_bound(spark: SparkSession) -> None:
    fitted = {
        column: spark.createDataFrame([("a", [3.0]), ("b", [4.0])], f"{column} string, vector array<float>")
        for column in ("user_id", "product_id")
    }
    newer = {column: frame.where("false") for column, frame in fitted.items()}
    newer["user_id"] = spark.createDataFrame([("new", [1.0])], "user_id string, vector array<float>")
    day = date(2026, 1, 5)
    report = drift_report(fitted, newer, day, 0.4)
    assert report.metrics == {
        "user_new_share": 0.5, "user_changed_share": 0.0, "user_movement": 0.0,
        "product_new_share": 0.0, "product_changed_share": 0.0, "product_movement": 0.0, "fit_advised": 1.0,
    }  # fmt: skip
    assert report.messages[0].startswith("users since the fit of 2026-01-05: 50.00% new")
    assert report.messages[-1].startswith("that is more than cf.refresh.drift_bound, 0.4")
    calm = drift_report(fitted, newer, day, 0.6)
    assert calm.metrics["fit_advised"] == 0.0
    assert len(calm.messages) == 2


def test_the_last_fit_before_the_date_is_refreshed() -> None:
    fits = [Fit(date(2026, 1, day), version) for day, version in ((3, 1), (7, 4), (5, 2))]
    assert last_fit(fits, date(2026, 1, 6)) == fits[2]
    with pytest.raises(UserError, match="als was fitted for 2026-01-07 itself"):
        last_fit(fits, date(2026, 1, 7))
    with pytest.raises(UserError, match="no factors of als were fitted before 2026-01-02"):
        last_fit(fits, date(2026, 1, 2))


@pytest.mark.cluster
def test_factors_on_a_real_cluster_are_exact(cluster: Cluster) -> None:
    for user, vector in cluster.run(solved, 50).items():
        assert vector == pytest.approx(expected(int(user[1:])), rel=2e-3, abs=2e-4)
