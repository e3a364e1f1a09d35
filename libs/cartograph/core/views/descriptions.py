"""Descriptions of products as features: hashed words of title, brand and category path."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

N_FEATURES = 512


def features(products: DataFrame) -> DataFrame:
    """One row per product: product_id, codes (array<int>, hashed words of title, brand and category path).

    Args:
        products: rows of silver.products; missing text has no words.
    """
    words = F.filter(F.split(F.lower(F.coalesce("title", F.lit(""))), r"[^\p{L}\p{N}]+"), lambda word: word != "")
    path = F.coalesce("category", F.array().cast("array<string>"))
    levels = F.transform(
        F.sequence(F.lit(0), F.size(path)), lambda n: F.concat(F.lit("c:"), F.concat_ws("/", F.slice(path, 1, n)))
    )
    brand = F.array(F.concat(F.lit("b:"), F.coalesce("brand", F.lit(""))))
    tokens = F.array_distinct(F.concat(words, levels, brand))  # The empty path belongs to all products: a constant.

    def code(token: Column) -> Column:
        return F.pmod(F.xxhash64(token), F.lit(N_FEATURES)).cast("int")

    return products.select("product_id", F.transform(tokens, code).alias("codes"))
