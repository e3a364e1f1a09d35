"""Writes replace exactly their partition, append once, and are refused before anything is written."""

from __future__ import annotations

from datetime import date

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from cartograph.runtime.tables import Tables

DAY = date(2011, 11, 1)


def test_replacing_one_partition_leaves_the_others_alone(spark: SparkSession, tables: Tables) -> None:
    rows = [("a", 1, "b", 0.5), ("a", 2, "c", 0.4)]
    frame = spark.createDataFrame(rows, "product_id string, rank int, associated_product_id string, score double")
    tables.replace("gold.associations", frame, as_of=DAY, model="als")
    tables.replace("gold.associations", frame, as_of=DAY, model="rules")
    tables.replace("gold.associations", frame.filter(F.col("rank") == 1), as_of=DAY, model="als")
    counts = tables.read("gold.associations", as_of=DAY).groupBy("model").count().collect()
    assert {row["model"]: row["count"] for row in counts} == {"als": 1, "rules": 2}
