"""ALS: matrix factorisation by alternating least squares (Hu, Koren, Volinsky 2008)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from pyspark.ml.recommendation import ALS
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.cf.fold_in import fold_in
from cartograph.cf.interactions import EVENT_WEIGHTS, interactions
from cartograph.cf.native_als import Objective, native_factors
from cartograph.core.codes import numbered
from cartograph.core.model import NotFitted, Silver, associate_from_vectors
from cartograph.core.topk import top_k

_RATINGS_PER_BLOCK = 1_000_000  # of a block of ratings: about 100 MB in the memory of its task


class Als:
    """Implicit feedback: every product is a weak "no", every interaction a "yes" of confidence 1 + alpha * weight.

    Customers known from `fit` are scored by their learned factors, new ones by factors that are solved for exactly
    from their histories (fold-in).

    Args:
        engine: mllib, Spark's own; native, compiled kernels in a worker group (`cf.native_als`), many times faster.
        rank: length of a factor.
        iterations: times that both sides are solved for.
        regularisation: multiplied by the number of interactions of the customer or product.
        alpha: confidence gained per unit of weight.
        nonnegative: allow no negative numbers in factors (mllib only).
        solver: of the native engine: cg, three steps of conjugate gradient a time; cholesky, exact.
        event_weights: what an event of each type weighs; types not named do not count.
        seed: of the first factors.
        mask_seen: never recommend what is in the customer's history.
    """

    name = "als"

    def __init__(
        self,
        *,
        engine: str = "mllib",
        rank: int = 64,
        iterations: int = 10,
        regularisation: float = 0.02,
        alpha: float = 40.0,
        nonnegative: bool = False,
        solver: str = "cg",
        event_weights: Mapping[str, float] = EVENT_WEIGHTS,
        seed: int = 7,
        mask_seen: bool = True,
    ) -> None:
        self.engine = engine
        self.rank = rank
        self.iterations = iterations
        self.regularisation = regularisation
        self.alpha = alpha
        self.nonnegative = nonnegative
        self.solver = solver
        self.event_weights = event_weights
        self.seed = seed
        self.mask_seen = mask_seen
        self.user_factors_: DataFrame | None = None
        self.item_factors_: DataFrame | None = None

    def fit(self, data: Silver) -> Self:
        """Learns `user_factors_` (user_id, vector) and `item_factors_` (product_id, vector).

        Raises:
            ValueError: no such engine or solver.
            TooFewSlots: engine native, and fewer free cores than the group needs.
        """
        weights = interactions(data.events, self.event_weights)
        users, products = numbered(weights, "user_id"), numbered(weights, "product_id")
        ratings = (
            weights.join(users.withColumnRenamed("code", "user"), "user_id")
            .join(products.withColumnRenamed("code", "item"), "product_id")
            .select("user", "item", F.col("weight").cast("float").alias("rating"))
        )
        user_factors, item_factors = self._factors(ratings)
        self.user_factors_ = users.join(user_factors, "code").select("user_id", "vector")
        self.item_factors_ = products.join(item_factors, "code").select("product_id", "vector")
        return self

    def _factors(self, ratings: DataFrame) -> tuple[DataFrame, DataFrame]:
        """Factors of customers and of products, each as code, vector."""
        if self.engine == "mllib":
            return self._mllib_factors(ratings)
        if self.engine != "native" or self.solver not in ("cg", "cholesky") or self.nonnegative:
            raise ValueError(
                f"no ALS with engine={self.engine}, solver={self.solver}, nonnegative={self.nonnegative}: "
                "engine is mllib or native; native has the solvers cg and cholesky, and no nonnegative factors"
            )
        objective = Objective(self.rank, self.iterations, self.alpha, self.regularisation, self.solver, self.seed)
        return native_factors(ratings, objective)

    def _mllib_factors(self, ratings: DataFrame) -> tuple[DataFrame, DataFrame]:
        """Factors by Spark's own solver."""
        ratings = ratings.persist()
        n_blocks = _n_blocks(ratings)
        solver = ALS(
            rank=self.rank,
            maxIter=self.iterations,
            regParam=self.regularisation,
            alpha=self.alpha,
            implicitPrefs=True,
            nonnegative=self.nonnegative,
            numUserBlocks=n_blocks,
            numItemBlocks=n_blocks,
            seed=self.seed,
        )
        model = solver.fit(ratings)
        ratings.unpersist()
        columns = [F.col("id").alias("code"), F.col("features").alias("vector")]
        return model.userFactors.select(*columns), model.itemFactors.select(*columns)

    def associate(self, k: int) -> DataFrame:
        """The `k` products of the nearest factors, by cosine: product_id, associated_product_id, score, rank."""
        if self.item_factors_ is None:
            raise NotFitted(self)
        return associate_from_vectors(self.item_factors_, k)

    def recommend(self, users: DataFrame, k: int) -> DataFrame:
        """The `k` products of the largest factor products: user_id, product_id, score, rank."""
        if self.user_factors_ is None or self.item_factors_ is None:
            raise NotFitted(self)
        columns = ["user_id", "vector", "product_ids"]
        known = users.join(self.user_factors_, "user_id").select(*columns)
        new = users.join(self.user_factors_, "user_id", "left_anti")
        folded = fold_in(new, self.item_factors_, self.alpha, self.regularisation)
        queries = known.unionByName(folded).withColumnsRenamed({"user_id": "id", "product_ids": "mask"})
        if not self.mask_seen:
            queries = queries.drop("mask")
        return top_k(queries, self.item_factors_, k).withColumnRenamed("id", "user_id")


def _n_blocks(ratings: DataFrame) -> int:
    """Blocks so that every core has one and none holds more than `_RATINGS_PER_BLOCK`."""
    n_cores = ratings.sparkSession.sparkContext.defaultParallelism
    return max(n_cores, -(-ratings.count() // _RATINGS_PER_BLOCK))
