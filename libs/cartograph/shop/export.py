"""A shop's raw files, as it would hand them over, with the truth beside them.

Below `path` (any folder or URI that Spark can write to):

- `events/part-*.txt.gz`: JSON lines with event_id, user_id, product_id, event_type (view, cart, purchase, rating,
  return), order_id, session_id, quantity, unit_price, rating, event_at ("2025-03-01 18:22:07", UTC). All values are
  text, null ones are left out, some lines are corrupt.
- `products/part-*.json`: JSON lines with product_id, title, description, category ("Kitchen > Coffee > Coffee Beans"),
  brand, price, cost, stock, attributes (an object), seen_at.
- `users/part-*.csv`: CSV with header: user_id, region, age_band, seen_at.
- `truth/<name>`: Parquet, see `truth.py`; `truth/dirt` holds entity (events, products, users), kind, n_rows, where
  kind `clean` counts the rest.
- `manifest.json`: the plan; written last, so a folder without it is incomplete.
"""

from __future__ import annotations

import hashlib
import json
import logging
from typing import Any

from pyspark.sql import DataFrame, Observation, SparkSession
from pyspark.sql import functions as F

from cartograph.shop.dirt import KINDS
from cartograph.shop.plan import Plan
from cartograph.shop.raw_events import raw_events, raw_lines
from cartograph.shop.raw_products import raw_products, raw_users
from cartograph.shop.truth import truth

log = logging.getLogger(__name__)

FORMAT = 2  # To be raised when the same plan gives other rows.
PRODUCT_DIRT = ("messy_blanks", "messy_case", "html_entities", "bad_number", "older_fact")
USER_DIRT = ("bad_age_band", "older_fact")


def export(spark: SparkSession, plan: Plan, path: str) -> dict[str, Any]:
    """Writes the raw files of `plan` below `path` unless they are there already; returns the manifest.

    The manifest holds the plan, `digest`, `n_events`, `n_products`, `n_users` (rows written, duplicates included) and
    `is_new`. Rows are counted while they are written, so nothing is generated twice.
    """
    digest = plan_digest(plan)
    found = read_manifest(spark, path)
    if found and found.get("digest") == digest:
        log.info("the shop below %s is up to date", path)
        return {**found, "is_new": False}
    _remove(spark, f"{path}/manifest.json")
    counts = {
        "events": _write_events(raw_events(spark, plan), f"{path}/events"),
        "products": _write_counted(raw_products(spark, plan), f"{path}/products", "json", PRODUCT_DIRT),
        "users": _write_counted(raw_users(spark, plan), f"{path}/users", "csv", USER_DIRT),
    }
    rows = [(entity, kind, n) for entity, kinds in counts.items() for kind, n in kinds.items()]
    dirt = spark.createDataFrame(rows, "entity string, kind string, n_rows long")
    for name, frame in {**truth(spark, plan), "dirt": dirt.coalesce(1)}.items():
        frame.write.mode("overwrite").parquet(f"{path}/truth/{name}")
    totals = {f"n_{entity}_written": sum(kinds.values()) for entity, kinds in counts.items()}
    manifest = {"digest": digest, "plan": _plain(plan), **totals}
    _write_text(spark, f"{path}/manifest.json", json.dumps(manifest, indent=2) + "\n")
    return {**manifest, "is_new": True}


def plan_digest(plan: Plan) -> str:
    """A digest of everything that decides which rows are generated."""
    return hashlib.sha256(json.dumps([FORMAT, _plain(plan)], sort_keys=True).encode()).hexdigest()[:16]


def _plain(plan: Plan) -> dict[str, Any]:
    """The settings that decide which rows are generated: all but the path."""
    return plan.settings.model_dump(mode="json", exclude={"path"})


def _write_events(events: DataFrame, path: str) -> dict[str, int]:
    """Writes the events as lines and counts them by kind of dirt in the same pass."""
    counted, observation = _observed(raw_lines(events), tuple(kind.name for kind in KINDS))
    counted.select("value").write.mode("overwrite").option("compression", "gzip").text(path)
    return {name: int(n) for name, n in observation.get.items()}


def _write_counted(records: DataFrame, path: str, file_format: str, kinds: tuple[str, ...]) -> dict[str, int]:
    """Writes records without their `dirt` column and counts them by it in the same pass."""
    counted, observation = _observed(records, kinds)
    counted.drop("dirt").write.mode("overwrite").format(file_format).option("header", True).save(path)
    return {name: int(n) for name, n in observation.get.items()}


def _observed(rows: DataFrame, kinds: tuple[str, ...]) -> tuple[DataFrame, Observation]:
    """`rows`, and a count per kind (and of the clean ones) that is complete once they are written."""
    observation = Observation()
    counts = [F.count(F.when(F.col("dirt") == kind, 1)).alias(kind) for kind in kinds]
    clean = F.count(F.when(F.col("dirt").isNull(), 1)).alias("clean")
    return rows.observe(observation, clean, *counts), observation


def read_manifest(spark: SparkSession, path: str) -> dict[str, Any] | None:
    """The manifest below `path`, None if there is none. `path` may be any URI that Spark can write to."""
    filesystem, file = _hadoop_file(spark, f"{path}/manifest.json")
    if not filesystem.exists(file):
        return None
    text = "\n".join(row.value for row in spark.read.text(f"{path}/manifest.json").collect())
    manifest: dict[str, Any] = json.loads(text)
    return manifest


def _hadoop_file(spark: SparkSession, path: str) -> tuple[Any, Any]:
    """Hadoop's file system and path objects for `path`."""
    jvm = spark.sparkContext._jvm
    assert jvm is not None
    file = jvm.org.apache.hadoop.fs.Path(path)
    return file.getFileSystem(spark.sparkContext._jsc.hadoopConfiguration()), file


def _remove(spark: SparkSession, path: str) -> None:
    filesystem, file = _hadoop_file(spark, path)
    filesystem.delete(file, False)


def _write_text(spark: SparkSession, path: str, text: str) -> None:
    filesystem, file = _hadoop_file(spark, path)
    stream = filesystem.create(file, True)
    stream.write(bytearray(text.encode()))
    stream.close()
