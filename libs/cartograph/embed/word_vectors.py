"""Vectors of products from the words that describe them: the mean of the words' vectors, rare words counting more.

A word weighs ln((n + 1) / (m + 1)) + 1 for each time it occurs, where m of all n products have it (inverse document
frequency, Salton and Buckley 1988).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import scipy.sparse as sp
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from cartograph.core.pairs.kernels import flat
from cartograph.core.search.neighbours import found_in
from cartograph.core.search.topk import matrix_of, vectors_of
from cartograph.embed.skip_gram import least_count, skip_gram, token_counts


def word_vectors(
    product_words: DataFrame,
    *,
    width: int = 64,
    window: int = 5,
    iterations: int = 10,
    min_count: int = 2,
    max_words: int = 100_000,
    seed: int = 7,
) -> DataFrame:
    """One row per word that occurs often enough: word, vector (array<float>), weight (double).

    Args:
        product_words: product_id, words.
        width, window, iterations, seed: see `skip_gram`.
        min_count: rarer words are left out …
        max_words: … and the rarest of those left, if they would be more than this.

    Raises:
        TooFewTokens: no word occurs `min_count` times.
        ValueError: `max_words` are too few to hold even the commonest words.
    """
    sentences = product_words.select(F.col("words").alias("tokens")).where("size(tokens) > 0").persist()
    counts = token_counts(sentences).persist()
    least = least_count(counts, min_count, max_words)
    vectors = skip_gram(
        sentences, width=width, window=window, iterations=iterations, least=least, longest=1000, seed=seed
    )
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
        known_words: rows of `word_vectors`; they go to every task, as they are not too many for the driver either.
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
