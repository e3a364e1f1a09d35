"""Precomputed vectors are read from attributes and files, and refused where they are malformed."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from cartograph.embed.given_vectors import vectors_in_attribute, vectors_in_files


@pytest.fixture(scope="module")
def products(spark: SparkSession) -> DataFrame:
    given = {"a": "[1, -0.5, 2e1]", "b": "[1, null]", "c": "no list", "d": None, "e": "[]"}
    rows = [(name, {"look": text} if text else {"other": "x"}) for name, text in given.items()]
    return spark.createDataFrame(rows, "product_id string, attributes map<string,string>")


def test_an_attribute_holds_a_list_of_numbers(products: DataFrame) -> None:
    found = {row.product_id: row.vector for row in vectors_in_attribute(products, "look").collect()}
    assert found == {"a": [1.0, -0.5, 20.0], "b": None, "c": None, "e": None}


def test_files_hold_vectors_of_known_products(spark: SparkSession, products: DataFrame, tmp_path: Path) -> None:
    rows = spark.createDataFrame([("a", [1.0, 2.0]), ("zz", [3.0, 4.0])], "product_id string, vector array<double>")
    rows.write.parquet(f"{tmp_path}/vectors")
    assert [tuple(row) for row in vectors_in_files(spark, f"{tmp_path}/vectors", products).collect()] == [("a", [1, 2])]
    rows.select("product_id", F.col("vector").alias("look")).write.parquet(f"{tmp_path}/renamed")
    with pytest.raises(ValueError, match="must have the columns product_id and vector; it has product_id, look"):
        vectors_in_files(spark, f"{tmp_path}/renamed", products)
    rows.select("product_id", F.lit("x").alias("vector")).write.parquet(f"{tmp_path}/text")
    with pytest.raises(ValueError, match=r"column vector of .*text must be a list of numbers, not string"):
        vectors_in_files(spark, f"{tmp_path}/text", products)
