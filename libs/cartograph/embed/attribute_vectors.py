"""Vectors of products from the facts known of them: brand, category path, price, attributes.

A fact is a word. Each has a vector of random signs, drawn by its hash, and a product is the mean of its facts' vectors,
rare facts counting more: a random projection of what products have in common (Achlioptas 2003), with nothing to learn.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial

import numpy as np
import pyarrow as pa
import scipy.sparse as sp
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from cartograph.core.pairs.kernels import Longs, flat
from cartograph.core.search.topk import Floats, vectors_of
from cartograph.embed.word_vectors import rarity

_LONGEST_VALUE = 64  # characters of an attribute; a longer one is a text or an address, and nobody else has it
_PRICE_STEPS = 2.0  # price bands per doubling
_GOLDEN = 0x9E3779B97F4A7C15  # 2 ** 64 over the golden ratio: SplitMix64's step


def attribute_vectors(products: DataFrame, width: int = 128) -> DataFrame:
    """One row per product with a fact: product_id, vector (array<float>).

    Args:
        products: rows of silver.products.
        width: length of the vectors: the longer, the less unlike facts resemble each other by chance.
    """
    known = facts(products).select("product_id", F.explode(F.array_distinct("words")).alias("word")).persist()
    counts = known.groupBy("word").agg(F.count("*").alias("n"))
    weight = rarity(known.select("product_id").distinct().count(), "n").cast("float")
    weighted = known.join(counts, "word").select(
        "product_id", F.struct(F.xxhash64("word").alias("code"), weight.alias("weight")).alias("fact")
    )
    described = weighted.groupBy("product_id").agg(F.sort_array(F.collect_list("fact")).alias("facts"))
    aligned = described.select("product_id", F.col("facts.code").alias("codes"), F.col("facts.weight").alias("weights"))
    vectors = aligned.mapInArrow(partial(_projected, width=width), "product_id string, vector array<float>")
    return vectors


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


def _projected(batches: Iterable[pa.RecordBatch], width: int) -> Iterator[pa.RecordBatch]:
    """The weighted means of each product's facts."""
    for batch in batches:
        starts, codes = flat(batch.column("codes"))
        distinct, places = np.unique(codes.to_numpy(), return_inverse=True)
        weights = flat(batch.column("weights"))[1].to_numpy()
        described = sp.csr_matrix((weights, places, starts), (batch.num_rows, len(distinct)))
        means = described @ _signs(distinct, width) / described.sum(axis=1).A
        yield pa.RecordBatch.from_arrays(
            [batch.column("product_id"), vectors_of(means.astype(np.float32))], names=["product_id", "vector"]
        )


def _signs(codes: Longs, width: int) -> Floats:
    """Plus or minus one, `width` times per code: bits of SplitMix64 (Steele, Lea and Flood 2014) seeded by it."""
    with np.errstate(over="ignore"):
        state = codes.astype(np.uint64)[:, None] + np.arange(1, width + 1, dtype=np.uint64) * np.uint64(_GOLDEN)
        state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    signs: Floats = np.where((state ^ (state >> np.uint64(31))) & np.uint64(1), 1, -1).astype(np.float32)
    return signs
