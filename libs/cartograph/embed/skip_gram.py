"""Vectors of tokens in sets or sentences, by skip-gram: tokens that occur with the same others are close.

Trained by Spark's Word2Vec (Mikolov et al. 2013, hierarchical softmax): tasks train on their share of the sentences,
and their vectors are averaged after every epoch. All vectors are on the driver meanwhile, so the vocabulary is bounded:
where it would be larger, the minimum count is raised.
"""

from __future__ import annotations

from typing import Any

from pyspark.ml.feature import Word2Vec
from pyspark.ml.functions import vector_to_array
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from cartograph.core.model import TooLittle
from cartograph.core.workers.groups import slots
from cartograph.embed.settings import SkipGramSettings

_SENTENCES_PER_TASK = 20_000  # averaging costs quality, so tasks are as few as time allows


def token_counts(sentences: DataFrame) -> DataFrame:
    """One row per token: token, n (how often it occurs), n_sentences (that it occurs in).

    Args:
        sentences: tokens (array<string>).
    """
    tokens = sentences.select(F.monotonically_increasing_id().alias("row"), F.explode("tokens").alias("token"))
    in_sentences = tokens.groupBy("token", "row").agg(F.count("*").alias("n"))
    return in_sentences.groupBy("token").agg(F.sum("n").alias("n"), F.count("*").alias("n_sentences"))


def least_count(counts: DataFrame, min_count: int, max_tokens: int) -> int:
    """The smallest count, `min_count` or more, that at most `max_tokens` tokens reach.

    Raises:
        TooLittle: none reaches `min_count`.
        ValueError: more than `max_tokens` share the highest count, so no count decides which of them to keep.
    """
    sizes = counts.where(F.col("n") >= min_count).groupBy("n").agg(F.count("*").alias("n_tokens"))
    reaching = F.sum("n_tokens").over(Window.partitionBy(F.lit(0)).orderBy(F.desc("n")))
    found: Any = (
        sizes.withColumn("reaching", reaching)
        .agg(F.min(F.when(F.col("reaching") <= max_tokens, F.col("n"))), F.max("n"), F.min("reaching"))
        .head()
    )
    least, most, n_most = found
    if most is None:
        raise TooLittle(f"no token occurs {min_count} times or more")
    if least is None:
        raise ValueError(f"at most {max_tokens} tokens may be kept, and {n_most} occur {most} times, the highest count")
    return int(least)


def skip_gram(sentences: DataFrame, settings: SkipGramSettings, *, window: int, least: int, longest: int) -> DataFrame:
    """One row per token that occurs `least` times or more: token, vector (array<float>).

    Args:
        sentences: tokens (array<string>), in order.
        settings: embedding dimension, epochs and seed.
        window: a token predicts those up to this far before and after it; how far is sampled for each token.
        least: see `least_count`.
        longest: longer sentences are cut into parts.
    """
    spark = sentences.sparkSession
    # In the order of a hash: the same in every run, and no token's sentences come all at once.
    hashed = sentences.select("tokens", F.xxhash64("tokens").alias("hash")).repartition("hash")
    ordered = hashed.sortWithinPartitions("hash", "tokens").select("tokens").localCheckpoint()
    n_tasks = max(1, min(slots(spark), ordered.count() // _SENTENCES_PER_TASK))
    model = Word2Vec(
        vectorSize=settings.width, windowSize=window, maxIter=settings.iterations, minCount=least,
        maxSentenceLength=longest, numPartitions=n_tasks, stepSize=0.025, seed=settings.seed, inputCol="tokens",
        outputCol="vector",
    ).fit(ordered)  # fmt: skip
    return model.getVectors().select(
        F.col("word").alias("token"), vector_to_array(F.col("vector"), "float32").alias("vector")
    )
