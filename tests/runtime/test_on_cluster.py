"""Delta writes, a merge and GraphFrames on a real cluster of two executors."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import pytest
from graphframes import GraphFrame
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from cartograph.runtime.tables import Tables
from tests.cluster import Cluster, ClusterError

BASKETS = "order_id string, user_id string, ordered_at timestamp, product_ids array<string>"


def write_and_merge(spark: SparkSession, folder: str) -> dict[str, int]:
    tables, at = Tables(spark, folder), datetime(2011, 1, 1)
    orders = spark.range(0, 1000, numPartitions=4).select(
        F.format_string("o%d", "id").alias("order_id"),
        F.lit("u").alias("user_id"),
        F.lit(at).alias("ordered_at"),
        F.array(F.lit("a")).alias("product_ids"),
    )
    tables.replace("silver.baskets", orders)
    merged = tables.merge(
        "silver.baskets", spark.createDataFrame([("o1", "u", at, ["b"]), ("x", "u", at, ["c"])], BASKETS)
    )
    scores = "product_id string, rank int, associated_product_id string, score double"
    rows = spark.createDataFrame([("a", 1, "b", 0.5)], scores)
    written = [
        tables.replace("gold.associations", rows, as_of=date(2011, 11, 1), model="als").changed for _ in range(2)
    ]
    return {"merged": merged.rows, "orders": tables.read("silver.baskets").count(), "writes": sum(written)}


def component_sizes(spark: SparkSession) -> list[int]:
    """Sizes of the connected parts of two chains of 40 and 60 products."""
    ids = spark.range(0, 100, numPartitions=4)
    edges = ids.filter("id NOT IN (39, 99)").select(F.col("id").alias("src"), (F.col("id") + 1).alias("dst"))
    parts = GraphFrame(ids, edges).connectedComponents()
    return sorted(row["count"] for row in parts.groupBy("component").count().collect())


def executors(spark: SparkSession) -> int:
    """Executors besides the driver."""
    return int(spark.sparkContext._jsc.sc().getExecutorMemoryStatus().size()) - 1


def fail(spark: SparkSession) -> None:
    raise LookupError("reported to the test")


@pytest.mark.cluster
def test_tables_are_written_and_merged_by_executors_of_their_own(cluster: Cluster, tmp_path: Path) -> None:
    assert cluster.run(executors) == 2
    assert cluster.run(write_and_merge, str(tmp_path)) == {"merged": 2, "orders": 1001, "writes": 1}


@pytest.mark.cluster
def test_graphframes_finds_the_connected_parts_of_a_graph(cluster: Cluster) -> None:
    assert cluster.run(component_sizes) == [40, 60]


@pytest.mark.cluster
def test_what_fails_on_the_cluster_is_reported_to_the_test(cluster: Cluster) -> None:
    with pytest.raises(ClusterError, match="LookupError: reported to the test"):
        cluster.run(fail)
