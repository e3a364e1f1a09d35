"""Vectors of products from their features: brand, category path, price band, attributes.

A feature is a word. Each has a vector of random signs, seeded by its hash, and a product is the mean of its features'
vectors, rare features weighing more: a random projection (Achlioptas 2003), with nothing to learn.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import scipy.sparse as sp
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from cartograph.core.model import Silver
from cartograph.core.pairs.kernels import Longs, flat
from cartograph.core.search.topk import Floats, vectors_of
from cartograph.core.settings import settings_of
from cartograph.embed.settings import AttributeSettings
from cartograph.embed.vector_model import Earlier, VectorModel, Vectors, unhashed
from cartograph.embed.words import rarity

_LONGEST_VALUE = 64  # characters of an attribute; a longer one is a text or an address that no other product shares
_PRICE_STEPS = 2.0  # price bands per doubling
_GOLDEN = 0x9E3779B97F4A7C15  # 2 ** 64 over the golden ratio: SplitMix64's step


class Attributes(VectorModel):
    """Products that share features are close. All are embedded together, as a feature's weight depends on all."""

    name = "attributes"

    def __init__(self, settings: AttributeSettings | None = None, **changed: Any) -> None:
        self.settings = settings_of(AttributeSettings, settings, changed)

    def embed(self, data: Silver, earlier: Mapping[str, Earlier]) -> Vectors:
        """product_id, vector, source_hash (null) from features."""
        del earlier
        return Vectors(unhashed(attribute_vectors(data.products, self.settings)))


def attribute_vectors(products: DataFrame, settings: AttributeSettings | None = None, **changed: Any) -> DataFrame:
    """One row per product with a feature: product_id, vector (array<float>).

    Args:
        products: rows of silver.products.
        settings: the embedding dimension.
        changed: settings by name.
    """
    settings = settings_of(AttributeSettings, settings, changed)
    known = features(products).select("product_id", F.explode(F.array_distinct("words")).alias("word")).persist()
    counts = known.groupBy("word").agg(F.count("*").alias("n"))
    weight = rarity(known.select("product_id").distinct().count(), "n").cast("float")
    weighted = known.join(counts, "word").select(
        "product_id", F.struct(F.xxhash64("word").alias("code"), weight.alias("weight")).alias("feature")
    )
    described = weighted.groupBy("product_id").agg(F.sort_array(F.collect_list("feature")).alias("features"))
    aligned = described.select(
        "product_id", F.col("features.code").alias("codes"), F.col("features.weight").alias("weights")
    )
    project = partial(_projected, width=settings.width)
    return aligned.mapInArrow(project, "product_id string, vector array<float>")


def features(products: DataFrame) -> DataFrame:
    """One row per product with a feature: product_id, words (array<string>), each a feature's kind and value."""
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
    """The weighted means of each product's features."""
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
