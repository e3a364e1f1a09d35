"""Precomputed vectors, of images for instance: in an attribute of the products, or in files."""

from __future__ import annotations

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T


def vectors_in_attribute(products: DataFrame, attribute: str) -> DataFrame:
    """One row per product with the attribute: product_id, vector (array<float>; null: not a list of numbers).

    Args:
        products: rows of silver.products.
        attribute: whose value is a JSON list of numbers, `[0.1, -2, 3e-1]`.
    """
    given = products.select("product_id", F.col("attributes")[attribute].alias("given")).where("given IS NOT NULL")
    numbers = F.from_json("given", T.ArrayType(T.FloatType()))
    is_whole = (F.size(numbers) > 0) & ~F.exists(numbers, lambda number: number.isNull())
    return given.select("product_id", F.when(is_whole, numbers).alias("vector"))


def vectors_in_files(spark: SparkSession, path: str, products: DataFrame) -> DataFrame:
    """One row per product of `products` that the files know: product_id, vector (array<float>).

    Args:
        spark: reads the files.
        path: folder or URI of Parquet files with product_id and vector (a list of numbers).
        products: product_id.

    Raises:
        ValueError: the files have no such columns, or vector is not a list of numbers.
    """
    rows = spark.read.parquet(path)
    if not {"product_id", "vector"} <= set(rows.columns):
        raise ValueError(f"{path} must have the columns product_id and vector; it has {', '.join(rows.columns)}")
    kind = rows.schema["vector"].dataType
    if not (isinstance(kind, T.ArrayType) and isinstance(kind.elementType, T.NumericType)):
        raise ValueError(f"column vector of {path} must be a list of numbers, not {kind.simpleString()}")
    known = rows.where("vector IS NOT NULL").select(
        F.col("product_id").cast("string").alias("product_id"), F.col("vector").cast("array<float>").alias("vector")
    )
    return known.join(products.select("product_id"), "product_id", "left_semi")
