"""Rules for products too rare to have any of their own: those of the most similar products, with lower scores."""

from __future__ import annotations

from pyspark.ml.feature import IDF, HashingTF, RegexTokenizer
from pyspark.ml.functions import vector_to_array
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from cartograph.core.search.directions import unit_vectors
from cartograph.core.search.topk import top_k
from cartograph.core.views.baskets import item_counts
from cartograph.rules.settings import RulesModelSettings

_TITLE_DIMENSION = 256  # of a title's vector


def title_vectors(products: DataFrame) -> DataFrame:
    """One row per product with words in its title: `product_id`, `vector`, the hashed words weighted by rarity.

    A fallback where no learned vectors exist (term frequency times inverse document frequency, Salton & Buckley 1988;
    hashing: Weinberger et al. 2009).
    """
    titled = products.where("title is not null").select("product_id", "title")
    words = RegexTokenizer(inputCol="title", outputCol="words", pattern=r"\W+").transform(titled)
    counted = HashingTF(inputCol="words", outputCol="counts", numFeatures=_TITLE_DIMENSION).transform(
        words.where("size(words) > 0")
    )
    if counted.isEmpty():
        return products.sparkSession.createDataFrame([], "product_id string, vector array<float>")
    weighted = IDF(inputCol="counts", outputCol="weighted").fit(counted).transform(counted)
    return weighted.select("product_id", vector_to_array(F.col("weighted"), "float32").alias("vector"))


def inferred_pairs(pairs: DataFrame, baskets: DataFrame, vectors: DataFrame, settings: RulesModelSettings) -> DataFrame:
    """Pairs for products without any in `pairs` and in fewer than `rare_baskets` baskets, taken from their neighbours.

    Columns: `product_id`, `associated_product_id`, `score`, `similarity` (of the nearest neighbour that has the rule),
    `inferred_from` (those neighbours, sorted). The score is the neighbours' mean, weighted by similarity, a neighbour
    without the rule counting as zero; then shrunk by n / (n + shrinkage), where n is the neighbours' baskets, weighted
    by similarity. So it stays below the scores of the neighbours themselves.

    Args:
        pairs: product_id, associated_product_id, score: the rules that were found.
        baskets: `product_ids`.
        vectors: product_id, vector; products whose vector is zero have no neighbours.
        settings: rare_baskets, n_neighbours, min_similarity and shrinkage.
    """
    counts = item_counts(baskets).persist()
    units = unit_vectors(vectors).persist()
    having = pairs.select("product_id").distinct()
    frequent = counts.where(F.col("n_baskets") >= settings.rare_baskets).select("product_id")
    rare = units.join(having, "product_id", "left_anti").join(frequent, "product_id", "left_anti")
    queries = rare.select(F.col("product_id").alias("id"), "vector")
    nearest = top_k(queries, units.join(having, "product_id", "left_semi"), settings.n_neighbours)
    nearest = nearest.where(F.col("score") >= settings.min_similarity).select(
        F.col("id").alias("rare_id"), "product_id", F.col("score").alias("similarity")
    )
    nearest = nearest.join(counts, "product_id").persist()
    totals = nearest.groupBy("rare_id").agg(
        _repeatable_sum("similarity").alias("all_similarity"),
        F.sum(F.round(F.col("similarity") * F.col("n_baskets"), 6).cast("decimal(28,6)")).cast("double").alias("n"),
    )
    votes = nearest.join(pairs, "product_id").where("associated_product_id <> rare_id")
    votes = votes.withColumn("vote", F.col("similarity") * F.col("score"))
    summed = votes.groupBy("rare_id", "associated_product_id").agg(
        _repeatable_sum("vote").alias("vote"),
        F.max("similarity").alias("similarity"),
        F.array_sort(F.collect_set("product_id")).alias("inferred_from"),
    )
    confidence = F.col("n") / (F.col("n") + settings.shrinkage)
    return summed.join(totals, "rare_id").select(
        F.col("rare_id").alias("product_id"),
        "associated_product_id",
        (F.col("vote") / F.col("all_similarity") * confidence).alias("score"),
        "similarity",
        "inferred_from",
    )


def _repeatable_sum(column: str) -> Column:
    """The doubles of a group added in order of size: the same to the last bit whatever order rows arrive in."""
    return F.aggregate(F.sort_array(F.collect_list(column)), F.lit(0.0), lambda total, value: total + value)
