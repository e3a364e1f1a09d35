"""The export: the same rows whatever the partitions, written once, started again when it was cut off."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession

from cartograph.runtime.config import load_config
from cartograph.runtime.job import Job, Suite
from cartograph.runtime.lock_files import LocalFiles
from cartograph.runtime.locks import LockHeld, Locks
from cartograph.runtime.progress import Progress
from cartograph.runtime.tables import Tables
from cartograph.runtime.tracking import Tracking
from cartograph.shop.export import export, plan_digest
from cartograph.shop.plan import Plan
from cartograph.shop.raw_events import raw_events, raw_lines
from jobs import shop
from tests.cluster import Cluster
from tests.conftest import LOCAL
from tests.shop.conftest import PLAN, Exported

SMALL = Plan(n_events=2_000)


def fingerprint(rows: DataFrame) -> tuple[int, int]:
    """Number of rows and a sum over their hashes: equal for equal rows in any order."""
    found = rows.selectExpr("count(*)", "sum(cast(xxhash64(value) AS decimal(38, 0)))").first()
    assert found is not None
    return found[0], int(found[1])


def test_rows_do_not_depend_on_the_number_of_partitions(spark: SparkSession, exported: Exported) -> None:
    written = fingerprint(spark.read.text(str(exported.path / "events")))
    for n_tasks in (1, 4):
        generated = raw_lines(raw_events(spark, PLAN, n_tasks))
        assert generated.rdd.getNumPartitions() == n_tasks
        assert fingerprint(generated) == written


def export_and_fingerprint(spark: SparkSession, path: str) -> list[int]:
    """Runs on the cluster: the fingerprint of what it exported."""
    export(spark, SMALL, path)
    return list(fingerprint(spark.read.text(f"{path}/events")))


@pytest.mark.cluster
def test_a_real_cluster_exports_the_same_rows(spark: SparkSession, cluster: Cluster, tmp_path: Path) -> None:
    on_cluster = cluster.run(export_and_fingerprint, str(tmp_path / "shop"))
    assert on_cluster == list(fingerprint(raw_lines(raw_events(spark, SMALL))))


def test_the_manifest_counts_what_was_written(spark: SparkSession, exported: Exported) -> None:
    manifest = json.loads((exported.path / "manifest.json").read_text())
    assert manifest["n_events_written"] == len(exported.lines) == pytest.approx(PLAN.settings.n_events, rel=0.05)
    assert manifest["n_products_written"] == spark.read.json(str(exported.path / "products")).count()
    assert manifest["n_users_written"] == spark.read.csv(str(exported.path / "users"), header=True).count()
    assert manifest["digest"] == plan_digest(PLAN)


def test_raw_text_reads_like_a_shop(spark: SparkSession, exported: Exported) -> None:
    products = spark.read.json(str(exported.path / "products"))
    assert {"product_id", "title", "description", "category", "brand", "price", "cost", "stock", "seen_at"} <= set(
        products.columns
    )
    assert products.where("title ILIKE '%coffee beans%' AND category = 'Kitchen > Coffee > Coffee Beans'").count() > 2
    assert products.where("attributes.colour IS NOT NULL").count() > 50


def test_an_export_is_made_once_per_plan_and_again_when_it_was_cut_off(spark: SparkSession, tmp_path: Path) -> None:
    path = str(tmp_path / "shop")
    assert export(spark, SMALL, path)["is_new"]
    assert not export(spark, SMALL, path)["is_new"]
    (tmp_path / "shop" / "manifest.json").unlink()
    other = Plan(n_events=2_000, seed=8)
    assert export(spark, other, path)["is_new"]
    assert not export(spark, other, path)["is_new"]


def test_the_job_writes_the_shop_of_its_settings(spark: SparkSession, tmp_path: Path) -> None:
    settings = [f"shop.path={tmp_path}/shop", "shop.n_events=2000", "shop.end_on=2025-07-01"]
    config = load_config("demo", [*LOCAL, *settings])
    suite = Suite("tests", config, spark, Tables(spark, str(tmp_path / "lake")), Tracking(config), Progress())
    with suite.step("shop") as job:
        assert isinstance(job, Job)
        shop.run(job)
    manifest = json.loads((tmp_path / "shop" / "manifest.json").read_text())
    assert manifest["plan"]["end_on"] == "2025-07-01"
    assert spark.read.text(f"{tmp_path}/shop/events").count() == manifest["n_events_written"]


def test_two_runs_do_not_make_the_same_shop_at_the_same_time(spark: SparkSession, tmp_path: Path) -> None:
    config = load_config("demo", [*LOCAL, f"shop.path={tmp_path}/shop", f"lake.root={tmp_path}/lake"])
    suite = Suite("tests", config, spark, Tables.of(spark, config), Tracking(config), Progress())
    folder = f"{tmp_path}/shop/_locks"
    with suite.step("shop") as job:
        with Locks(LocalFiles(folder), folder).hold("shop"), pytest.raises(LockHeld, match=r"written by process \d+"):
            shop.run(job)
        assert isinstance(job, Job)
    assert not (tmp_path / "shop" / "events").exists()
