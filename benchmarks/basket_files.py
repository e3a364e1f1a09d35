"""Baskets from files: FIMI text, a CSV of names, or Parquet lines of orders."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

FORMATS = ("auto", "fimi", "csv", "parquet")


def read_baskets(spark: SparkSession, path: str, format: str = "auto") -> DataFrame:
    """One row per basket: user_id (null), product_ids (distinct, sorted).

    `fimi`: ids and blanks, one basket a line. `csv`: names separated by commas, one basket a line, in double quotes
    where a name holds a comma. `parquet`: one row per line of an order, with order_id and product_id. Text may be
    gzipped. `auto` goes by the name: .parquet or a folder, .csv, anything else is FIMI.
    """
    kind = _kind(path) if format == "auto" else format
    if kind == "parquet":
        lines = spark.read.parquet(path).select("order_id", F.col("product_id").cast("string").alias("product_id"))
        products = lines.groupBy("order_id").agg(F.collect_set("product_id").alias("product_ids"))
    else:
        text = spark.read.text(path).where(F.trim("value") != "")
        names = F.split(F.trim("value"), r"\s+") if kind == "fimi" else _names()
        products = text.select(F.array_remove(F.transform(names, lambda name: F.trim(name)), "").alias("product_ids"))
    sorted_ids = F.array_sort(F.array_distinct("product_ids")).alias("product_ids")
    return products.select(F.lit(None).cast("string").alias("user_id"), sorted_ids)


def _kind(path: str) -> str:
    name = path.removesuffix("/").removesuffix(".gz")
    last = name.rsplit("/", 1)[-1]
    if name.endswith(".parquet") or "." not in last:
        return "parquet"
    return "csv" if name.endswith(".csv") else "fimi"


def _names() -> Column:
    """The fields of a line of CSV: a comma within double quotes parts nothing, a doubled quote is one."""
    fields = F.split("value", ',(?=(?:[^"]*"[^"]*")*[^"]*$)')
    bare = F.transform(fields, lambda field: F.regexp_replace(F.trim(field), '^"(.*)"$', "$1"))
    return F.transform(bare, lambda field: F.replace(field, F.lit('""'), F.lit('"')))
