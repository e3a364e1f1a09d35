"""Codes are dense and in the order of their values."""

from __future__ import annotations

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from cartograph.core.views.codes import numbered


def test_codes_count_the_distinct_values_in_order(spark: SparkSession) -> None:
    ids = spark.range(500).select(F.format_string("p%03d", (F.col("id") * 7) % 200).alias("product_id")).repartition(5)
    with_null = ids.union(spark.sql("SELECT cast(null AS string)"))
    found = sorted(map(tuple, numbered(with_null, "product_id").collect()))
    assert found == [(f"p{code:03}", code) for code in range(200)]


def test_no_values_have_no_codes(spark: SparkSession) -> None:
    assert numbered(spark.createDataFrame([], "product_id string"), "product_id").count() == 0
