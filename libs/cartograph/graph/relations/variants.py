"""Variants: products whose titles are equal once size, colour and pack are removed."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

_COLOURS = (
    "black white red blue green yellow orange purple violet pink brown beige cream ivory grey gray silver gold golden "
    "bronze copper turquoise teal mint sage olive khaki navy burgundy lilac mustard terracotta charcoal clear"
)
_SHADES = r"(?:(?:light|dark|pale|bright|deep|hot|royal|navy|sky|sage|mint|olive|baby)\s+)?"
_NUMBER = r"\d+(?:[.,]\d+)?"
_UNITS = "ml|cl|dl|ltr|litres?|l|mg|kg|gr|g|oz|lbs?|mm|cm|m|ft|inch(?:es)?|in"
_OPTIONS = "|".join(
    [
        rf"(?:pack|packs|set|sets|box|case|bag) of {_NUMBER}",
        rf"{_NUMBER}\s*-?\s*(?:pack|packs|pcs|pieces?|pc|count|ct)",
        rf"size\s+(?:{_NUMBER}|[smlx]{{1,4}}|small|medium|large)",
        rf"{_NUMBER}\s*(?:{_UNITS})(?:\s*x\s*{_NUMBER}\s*(?:{_UNITS})?)?",
        rf"{_SHADES}(?:{'|'.join(_COLOURS.split())})",
        "x{0,3}s|m|x{0,4}l|small|medium|large|extra large",
    ]
)
_OPTION = rf"(?<![\p{{L}}\p{{N}}])(?:{_OPTIONS})(?![\p{{L}}\p{{N}}])"
MAX_VARIANTS = 50  # A title shared by more products is too generic to make them variants.


def stem(title: Column) -> Column:
    """A title in lower case without size, colour, pack and punctuation; null if nothing is left."""
    bare = F.regexp_replace(F.lower(title), _OPTION, " ")
    words = F.btrim(F.regexp_replace(bare, r"[^\p{L}\p{N}]+", " "))
    return F.nullif(words, F.lit(""))


def families(products: DataFrame) -> DataFrame:
    """One row per product: product_id, family_id (the first product of its family), stem.

    A family has the same stem of the title, the same brand and the same category. Products without a title, and those
    of which there would be more than MAX_VARIANTS, are families of their own.

    Args:
        products: rows of silver.products.
    """
    keyed = products.withColumn("stem", stem(F.col("title")))
    key = [F.col("stem"), F.coalesce("brand", F.lit("")), F.concat_ws(">", "category")]
    named = keyed.withColumn("key", F.when(F.col("stem").isNotNull(), F.concat_ws("|", *key)))
    groups = named.where("key IS NOT NULL").groupBy("key").agg(
        F.min("product_id").alias("first_id"), F.count("*").alias("n")
    )  # fmt: skip
    few = groups.where(F.col("n") <= MAX_VARIANTS).select("key", "first_id")
    return named.join(few, "key", "left").select(
        "product_id", F.coalesce("first_id", "product_id").alias("family_id"), "stem"
    )
