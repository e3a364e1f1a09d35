"""How similar the titles and categories of two products are, for shops where nothing else shows their type."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from cartograph.core.views.text import words

_CATEGORY = "category:"  # how a level of the category path begins as a word


def with_text_similarity(pairs: DataFrame, products: DataFrame) -> DataFrame:
    """The pairs with `kinship`, from 0 (titles without a word in common) to 1 (the same words and category).

    The cosine of words weighted by rarity (term frequency times inverse document frequency, Salton & Buckley 1988).
    Words are those of the title without the brand's, which say who made a product and not what it is. Each level of the
    category path counts as a word, so that a category of few products has a high weight and one of half the shop a low.
    A category alone is not enough: of pairs in one category with the same companions, 71 % are substitutes.

    Args:
        pairs: src, dst and other columns, which are kept.
        products: rows of silver.products: product_id, title, brand, category.
    """
    weighted = _weighted_words(products).localCheckpoint()
    one = weighted.select(F.col("product_id").alias("src"), F.col("weights").alias("_one"))
    other = weighted.select(F.col("product_id").alias("dst"), F.col("weights").alias("_other"))
    joined = pairs.join(one, "src", "left").join(other, "dst", "left")
    return joined.withColumn("kinship", _cosine("_one", "_other")).drop("_one", "_other")


def _weighted_words(products: DataFrame) -> DataFrame:
    """One row per product with words: product_id, weights (map from word to weight, of length one)."""
    named = _with_words(_with_words(products, "title"), "brand")
    path = F.transform(
        F.sequence(F.lit(1), F.size("category")),
        lambda depth: F.concat(F.lit(_CATEGORY), F.array_join(F.slice("category", 1, depth), ">")),
    )
    levels = F.when(F.size("category") > 0, path).otherwise(F.array().cast("array<string>"))
    listed = F.array_union(F.array_except("title_words", "brand_words"), levels)
    terms = named.select("product_id", F.explode(listed).alias("word"))
    n_products = products.select(F.count("*").alias("n_products"))
    known = terms.groupBy("word").agg(F.count("*").alias("n")).join(F.broadcast(n_products))
    rarity = known.select("word", F.log((F.col("n_products") + 1) / (F.col("n") + 1)).alias("weight"))
    per_product = terms.join(rarity.where("weight > 0"), "word").groupBy("product_id")
    lists = per_product.agg(
        F.array_sort(F.collect_list(F.struct("word", "weight"))).alias("words"),
        F.sqrt(F.sum(F.col("weight") * F.col("weight"))).alias("length"),
    )
    units = F.transform("words", lambda one: F.struct(one["word"], (one["weight"] / F.col("length")).alias("weight")))
    return lists.select("product_id", F.map_from_entries(units).alias("weights"))


def _with_words(products: DataFrame, column: str) -> DataFrame:
    """The products with the words of a column, as `<column>_words`."""
    texts = products.withColumn("text", F.coalesce(column, F.lit("")))
    return words(texts).withColumnRenamed("words", f"{column}_words").drop("text")


def _cosine(one: str, other: str) -> Column:
    """The cosine of two maps of length one, 0 without a shared title word; rounded, as sums differ by their order."""
    shared = F.filter(F.map_entries(one), lambda entry: F.map_contains_key(F.col(other), entry["key"]))
    product = F.aggregate(
        shared, F.lit(0.0), lambda total, entry: total + entry["value"] * F.element_at(F.col(other), entry["key"])
    )
    has_word = F.exists(shared, lambda entry: ~entry["key"].startswith(_CATEGORY))
    return F.round(F.when(has_word, F.least(product, F.lit(1.0))).otherwise(0.0), 9)
