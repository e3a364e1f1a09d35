"""Vectors of products from the words of their texts: the mean of the words' vectors, rare words weighing more.

A word weighs ln((n + 1) / (m + 1)) + 1 for each time it occurs, where m of all n products have it (inverse document
frequency, Salton and Buckley 1988).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from functools import partial
from typing import Any
from zlib import crc32

import numpy as np
import pyarrow as pa
import scipy.sparse as sp
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from cartograph.core.model import Silver
from cartograph.core.pairs.kernels import flat
from cartograph.core.search.neighbours import found_in
from cartograph.core.search.topk import matrix_of, vectors_of
from cartograph.core.settings import settings_of
from cartograph.core.views.text import texts, words
from cartograph.embed.settings import WordSettings
from cartograph.embed.skip_gram import least_count, skip_gram, token_counts
from cartograph.embed.unchanged import updated
from cartograph.embed.vector_model import Earlier, VectorModel, Vectors


class Words(VectorModel):
    """The mean of the vectors of a product's words.

    Word vectors are learned from the catalogue itself, and again after `refit_days`; they are kept in
    silver.word_vectors meanwhile.
    """

    name = "words"

    def __init__(self, settings: WordSettings | None = None, **changed: Any) -> None:
        self.settings = settings_of(WordSettings, settings, changed)

    def reuses(self) -> Mapping[str, Mapping[str, Any]]:
        """Its own vectors, and word vectors learned with the same settings."""
        return {"silver.product_vectors": {"model": self.name}, "silver.word_vectors": {"settings_hash": self.identity}}

    @property
    def identity(self) -> int:
        """A hash of all settings that word vectors depend on."""
        own = {name: value for name, value in self.settings if name not in ("language", "refit_days")}
        return crc32(repr((self.settings.language, sorted(own.items()))).encode())

    def is_recent(self, learned: Earlier | None, as_of: date | None) -> bool:
        """Whether word vectors of an earlier day are used again."""
        return learned is not None and as_of is not None and (as_of - learned.day).days <= self.settings.refit_days

    def embed(self, data: Silver, earlier: Mapping[str, Earlier]) -> Vectors:
        """product_id, vector, source_hash from words; rows of silver.word_vectors if words were learned now."""
        product_words = words(texts(data.products), self.settings.language)
        artifacts: dict[str, DataFrame] = {}
        learned = earlier.get("silver.word_vectors")
        day = data.as_of
        if learned is not None and self.is_recent(learned, data.as_of):
            known, day = learned.rows, learned.day
        else:
            known = word_vectors(product_words, self.settings)
            artifacts = {"silver.word_vectors": known.withColumn("settings_hash", F.lit(self.identity).cast("long"))}
        source_hash = F.xxhash64("text", F.lit(self.identity), F.lit(str(day)))
        sources = product_words.withColumn("source_hash", source_hash).drop("text")
        means = partial(mean_vectors, known_words=known)
        vectors, n_embedded = updated(sources, earlier, means)
        return Vectors(vectors, artifacts, {"n_embedded_words": n_embedded})


def word_vectors(product_words: DataFrame, settings: WordSettings | None = None, **changed: Any) -> DataFrame:
    """One row per word that occurs often enough: word, vector (array<float>), weight (double).

    Args:
        product_words: product_id, words.
        settings: of skip-gram and the vocabulary.
        changed: settings by name.

    Raises:
        TooLittle: no word occurs `min_count` times.
        ValueError: `max_words` are too few to hold even the commonest words.
    """
    settings = settings_of(WordSettings, settings, changed)
    sentences = product_words.select(F.col("words").alias("tokens")).where("size(tokens) > 0").persist()
    counts = token_counts(sentences).persist()
    least = least_count(counts, settings.min_count, settings.max_words)
    vectors = skip_gram(sentences, settings, window=settings.window, least=least, longest=1000)
    weight = rarity(sentences.count(), "n_sentences")
    weighted = vectors.join(counts, "token").select(
        F.col("token").alias("word"), "vector", weight.alias("weight")
    ).localCheckpoint()  # fmt: skip
    sentences.unpersist()
    counts.unpersist()
    return weighted


def rarity(n_products: int, having: str) -> Column:
    """The weight of a word that `having` (a column) of `n_products` products have."""
    return F.log((F.lit(n_products) + 1.0) / (F.col(having) + 1.0)) + 1.0


def mean_vectors(product_words: DataFrame, known_words: DataFrame) -> DataFrame:
    """One row per product with a known word: product_id, vector (array<float>), the weighted mean of its words.

    Args:
        product_words: product_id, words, and any further columns, which are kept.
        known_words: rows of `word_vectors`; they are broadcast, as the vocabulary is bounded.
    """
    table = known_words.select("word", "vector", "weight").toArrow().combine_chunks()
    if not table.num_rows:
        return product_words.limit(0).drop("words").withColumn("vector", F.lit(None).cast("array<float>"))
    matrix = matrix_of(table["vector"].chunk(0))
    known = table["word"].chunk(0), matrix, table["weight"].to_numpy()
    shared = product_words.sparkSession.sparkContext.broadcast(known)
    kept = [field for field in product_words.schema.fields if field.name != "words"]
    schema = T.StructType([*kept, T.StructField("vector", T.ArrayType(T.FloatType()))])
    return product_words.mapInArrow(partial(_means, known=shared), schema)


def _means(batches: Iterable[pa.RecordBatch], known: Any) -> Iterator[pa.RecordBatch]:
    """Each batch with vectors instead of words, products without a known word left out."""
    vocabulary, matrix, weights = known.value
    for batch in batches:
        starts, occurring = flat(batch.column("words"))
        places = found_in(occurring, vocabulary)
        is_known = places >= 0
        ends = np.concatenate([[0], np.cumsum(is_known)])[starts]
        known_places = places[is_known]
        counted = sp.csr_matrix((weights[known_places], known_places, ends), (batch.num_rows, len(vocabulary)))
        totals = np.asarray(counted.sum(axis=1)).ravel()
        rows = np.flatnonzero(totals > 0)
        means = (counted[rows] @ matrix / totals[rows, None]).astype(np.float32)
        kept = [name for name in batch.schema.names if name != "words"]
        columns = [batch.column(name).take(pa.array(rows)) for name in kept]
        yield pa.RecordBatch.from_arrays([*columns, vectors_of(means)], names=[*kept, "vector"])
