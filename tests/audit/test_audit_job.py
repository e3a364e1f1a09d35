"""The job writes what it found, and fails on leaks; a lake without any passes."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from cartograph.audit.findings import Leak
from cartograph.core.errors import UserError
from cartograph.core.tables import schema
from cartograph.runtime.job import Suite
from cartograph.runtime.tables import Tables
from jobs import audit
from tests.small_lake import LATER, evaluated_shop


@pytest.fixture(scope="module")
def shop(spark: SparkSession) -> Suite:
    return evaluated_shop(spark)


def with_audit(suite: Suite, **changed: Any) -> Suite:
    """The suite with other settings of the audit."""
    audit_settings = suite.config.audit.model_copy(update=changed)
    return replace(suite, config=suite.config.model_copy(update={"audit": audit_settings}))


def test_a_lake_without_leaks_passes(shop: Suite) -> None:
    shop.run("audit", audit.run, as_of=LATER)
    rows = shop.tables.read("gold.audit", LATER).collect()
    checked = {(row["table"], row["check"]): row["n_checked"] for row in rows}
    assert [row for row in rows if row["n_leaked"]] == []
    assert checked["gold.rules", "n_baskets"] == 24
    assert checked["gold.candidates", "users"] > 100


def test_the_job_writes_its_findings_and_then_fails_on_a_leak(shop: Suite, tmp_path: Path) -> None:
    shutil.copytree(shop.tables.root, tmp_path / "lake")
    leaky = with_audit(replace(shop, tables=Tables(shop.spark, str(tmp_path / "lake"))), tables=("gold.repurchases",))
    bought = {"user_id": "user01", "product_id": "cup0", "n_purchases": 1, "last_on": LATER, "interval_days": 7.0}
    row = {"as_of": LATER, "expected_on": LATER, "probability": 0.5}
    rows = shop.spark.createDataFrame([bought | row], schema.table("gold.repurchases").columns)
    leaky.tables.replace("gold.repurchases", rows, as_of=LATER)
    with pytest.raises(
        Leak, match=r"gold\.repurchases, last_on: 1 of 1 .* user_id=user01, product_id=cup0 has last_on"
    ):
        leaky.run("audit", audit.run, as_of=LATER)
    assert leaky.tables.read("gold.audit", LATER).where("n_leaked > 0").count() >= 1
    with_audit(leaky, told=("gold.repurchases",)).run("audit", audit.run, as_of=LATER)  # does not fail


def test_a_table_without_a_check_is_refused(shop: Suite) -> None:
    with pytest.raises(UserError, match=r"audit\.tables: no check for gold\.evaluation; there are for gold\.associ"):
        with_audit(shop, tables=("gold.evaluation",)).run("audit", audit.run, as_of=LATER)
