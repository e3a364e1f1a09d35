"""Vectors of products from the words that describe them: the mean of the words' vectors, rare words counting more.

A word weighs ln((n + 1) / (m + 1)) + 1 for each time it occurs, where m of all n products have it (inverse document
frequency, Salton and Buckley 1988).
"""

from __future__ import annotations

from pyspark.ml.functions import array_to_vector, vector_to_array
from pyspark.ml.stat import Summarizer
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

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
        product_words: product_id, words.
        known_words: rows of `word_vectors`.
    """
    occurring = product_words.select("product_id", F.explode("words").alias("word"))
    counted = occurring.groupBy("product_id", "word").agg(F.count("*").alias("n"))
    weighted = counted.join(known_words, "word").select(
        "product_id",
        array_to_vector(F.col("vector").cast("array<double>")).alias("vector"),
        (F.col("n") * F.col("weight")).alias("weight"),
    )
    mean = Summarizer.mean(F.col("vector"), F.col("weight"))
    means = weighted.groupBy("product_id").agg(mean.alias("mean"))
    return means.select("product_id", vector_to_array(F.col("mean"), "float32").alias("vector"))
