"""The engine of ALS that Spark brings."""

from __future__ import annotations

from pyspark.ml.recommendation import ALS
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.cf.settings import AlsSettings
from cartograph.core.views.interactions import coded_pairs

_RATINGS_PER_BLOCK = 1_000_000  # at most: about 100 MB in the memory of its task


def mllib_factors(weights: DataFrame, settings: AlsSettings) -> tuple[DataFrame, DataFrame]:
    """Factors of customers (user_id, vector) and of products (product_id, vector) with a pair that counts.

    Args:
        weights: user_id, product_id, weight; one row per pair.
        settings: of the model.
    """
    ratings, users, products = coded_pairs(weights, weights.where("weight > 0") if settings.implicit else weights)
    ratings = ratings.persist()
    n_ratings = ratings.count()
    if not n_ratings:  # Spark's solver refuses to start without any
        ratings.unpersist()
        return _nothing(users), _nothing(products)
    n_blocks = max(ratings.sparkSession.sparkContext.defaultParallelism, -(-n_ratings // _RATINGS_PER_BLOCK))
    solver = ALS(
        rank=settings.rank,
        maxIter=settings.iterations,
        regParam=settings.regularisation,
        alpha=settings.alpha,
        implicitPrefs=settings.implicit,
        nonnegative=settings.nonnegative,
        numUserBlocks=n_blocks,
        numItemBlocks=n_blocks,
        checkpointInterval=settings.checkpoint_every or -1,
        seed=settings.seed,
    )
    model = solver.fit(ratings)
    ratings.unpersist()
    return _by_id(users, model.userFactors), _by_id(products, model.itemFactors)


def _by_id(ids: DataFrame, factors: DataFrame) -> DataFrame:
    """The factors of MLlib with the ids that their codes stand for: id, vector."""
    (name,) = set(ids.columns) - {"code"}
    return ids.join(factors.selectExpr("id AS code", "features AS vector"), "code").select(name, "vector")


def _nothing(ids: DataFrame) -> DataFrame:
    """No factors: id, vector."""
    (name,) = set(ids.columns) - {"code"}
    return ids.select(name, F.lit(None).cast("array<float>").alias("vector")).limit(0)
