"""Vectors of products from the facts known of them: brand, category path, price, attributes.

A fact is a word. Each has a vector of random signs, drawn by its hash, and a product is the mean of its facts' vectors,
rare facts counting more: a random projection of what products have in common (Achlioptas 2003), with nothing to learn.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from cartograph.embed.word_vectors import mean_vectors, rarity

_LONGEST_VALUE = 64  # characters of an attribute; a longer one is a text or an address, and nobody else has it
_PRICE_STEPS = 2.0  # price bands per doubling


def attribute_vectors(products: DataFrame, width: int = 128) -> DataFrame:
    """One row per product with a fact: product_id, vector (array<float>).

    Args:
        products: rows of silver.products.
        width: length of the vectors: the longer, the less unlike facts resemble each other by chance.
    """
    known = facts(products).persist()
    counts = known.select(F.explode(F.array_distinct("words")).alias("word")).groupBy("word").agg(
        F.count("*").alias("n")
    )  # fmt: skip
    weight = rarity(known.count(), "n")
    return mean_vectors(known, counts.select("word", _signs(width).alias("vector"), weight.alias("weight")))


def facts(products: DataFrame) -> DataFrame:
    """One row per product with a fact: product_id, words (array<string>), each a fact's kind and value."""
    path = F.coalesce("category", F.array().cast("array<string>"))
    levels = F.transform(path, lambda _, place: F.concat_ws(" > ", F.lit("category"), F.slice(path, 1, place + 1)))
    entries = F.map_entries(F.coalesce("attributes", F.create_map().cast("map<string,string>")))
    short = F.filter(entries, lambda entry: F.length(entry["value"]) <= _LONGEST_VALUE)
    named = F.transform(
        short, lambda entry: F.concat_ws("=", F.lit("attribute"), entry["key"], F.lower(entry["value"]))
    )
    brand = F.transform(F.array_compact(F.array("brand")), lambda name: F.concat(F.lit("brand="), F.lower(name)))
    known = F.concat(levels, named, brand, _price_bands())
    return products.select("product_id", known.alias("words")).where("size(words) > 0")


def _price_bands() -> Column:
    """The two bands that a price is in: they overlap by half, so that prices near each other share one at least."""
    step = F.log2("price") * _PRICE_STEPS
    bands = F.array(
        F.concat(F.lit("price="), F.floor(step).cast("string")),
        F.concat(F.lit("price+="), F.floor(step + 0.5).cast("string")),
    )
    return F.when(F.col("price") > 0, bands).otherwise(F.array().cast("array<string>"))


def _signs(width: int) -> Column:
    """Plus or minus one, `width` times, by the word's hash."""
    places = F.sequence(F.lit(0), F.lit(width - 1))
    sign = F.transform(places, lambda place: F.pmod(F.xxhash64("word", place), F.lit(2)) * 2 - 1)
    return sign.cast("array<float>")
