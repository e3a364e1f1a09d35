"""ALS: matrix factorisation by alternating least squares (Hu, Koren, Volinsky 2008)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Self

from pyspark.ml.recommendation import ALS
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.cf.fold_in import fold_in
from cartograph.cf.native_als import native_factors
from cartograph.cf.objective import Objective, Schedule
from cartograph.cf.side_information import with_prior
from cartograph.core.model import Model, NotFitted, Silver, associate_from_vectors
from cartograph.core.search.approximate import best_products
from cartograph.core.views.interactions import EVENT_WEIGHTS, coded_pairs, debiased, interactions, ratings
from cartograph.core.views.seen import mask_of
from cartograph.core.workers.groups import no_values

_RATINGS_PER_BLOCK = 1_000_000  # at most: about 100 MB in the memory of its task


class Als(Model):
    """Implicit feedback: every product is a weak "no", every interaction a "yes" of confidence 1 + alpha * weight.

    Or explicit: products are rated, and ratings are predicted. Customers known from `fit` are scored by their learned
    factors, new ones by factors that are solved for exactly from their histories (fold-in); of the explicit model new
    customers get nothing, as a history does not say how they rate.

    Args:
        engine: mllib, Spark's own; native, compiled kernels in a worker group (`cf.native_als`), many times faster.
        implicit: False: learn from the rating of events of type rating, the last one of a customer and product.
        rank: length of a factor.
        iterations: times that both sides are solved for.
        regularisation: multiplied by n to the power of `frequency_power`, n the interactions of customer or product.
        frequency_power: 1, as MLlib has it, or less (native only): popular products may then take larger factors.
        alpha: confidence gained per unit of weight.
        nonnegative: allow no negative numbers in factors (mllib only).
        solver: of the native engine: cg, three steps of conjugate gradient a time; cholesky, exact.
        device: of the native engine: cpu, or cuda for each worker's graphics processor (solver cg only).
        checkpoint_every: iterations after which the state is saved; 0: never. Native goes on from there when a job that
            was ended is run again; mllib cuts its lineage there.
        event_weights: what an event of each type weighs; types not named do not count.
        seed: of the first factors.
        half_life_days: an event weighs half as much for each such period of age; None: age plays no part.
        debias: weights are divided by this power of the product's popularity (`interactions.debiased`).
        prior_strength: customers that what a product's description says counts for (`cf.side_information`), so that new
            products are recommended too; 0: descriptions play no part.
        approximate_above: so many products are searched approximately (`core.search.approximate`); None: never.
        mask_seen: never recommend what the customer has seen (`core.views.seen`).
    """

    name = "als"

    def __init__(
        self,
        *,
        engine: str = "mllib",
        implicit: bool = True,
        rank: int = 64,
        iterations: int = 10,
        regularisation: float = 0.02,
        frequency_power: float = 1.0,
        alpha: float = 40.0,
        nonnegative: bool = False,
        solver: Literal["cg", "cholesky"] = "cg",
        device: Literal["cpu", "cuda"] = "cpu",
        checkpoint_every: int = 0,
        event_weights: Mapping[str, float] = EVENT_WEIGHTS,
        seed: int = 7,
        half_life_days: float | None = None,
        debias: float = 0.0,
        prior_strength: float = 0.0,
        approximate_above: int | None = None,
        mask_seen: bool = True,
    ) -> None:
        self.engine = engine
        self.implicit = implicit
        self.rank = rank
        self.iterations = iterations
        self.regularisation = regularisation
        self.frequency_power = frequency_power
        self.alpha = alpha
        self.nonnegative = nonnegative
        self.solver = solver
        self.device = device
        self.checkpoint_every = checkpoint_every
        self.event_weights = event_weights
        self.seed = seed
        self.half_life_days = half_life_days
        self.debias = debias
        self.prior_strength = prior_strength
        self.approximate_above = approximate_above
        self.mask_seen = mask_seen
        self.user_factors_: DataFrame | None = None
        self.item_factors_: DataFrame | None = None

    @property
    def objective(self) -> Objective:
        """What is minimised."""
        return Objective(self.rank, self.alpha, self.regularisation, self.frequency_power, self.implicit)

    def fit(self, data: Silver) -> Self:
        """Learns `user_factors_` (user_id, vector) and `item_factors_` (product_id, vector).

        Raises:
            ValueError: settings that do not go together.
            TooFewSlots: engine native, and fewer free cores than the group needs.
        """
        self._check()
        weights = self.weights(data.events)
        if self.engine == "mllib" or self.checkpoint_every or self.prior_strength:
            weights = weights.persist()  # else they are read once
        self.user_factors_, self.item_factors_ = self._factors(weights)
        if self.prior_strength:
            known = weights if self.implicit else weights.withColumn("weight", F.lit(1.0))  # also a low rating teaches
            self.item_factors_ = with_prior(self.item_factors_, known, data.products, self.prior_strength)
            self.user_factors_ = self._refitted(weights, self.item_factors_)
        weights.unpersist()
        return self

    def weights(self, events: DataFrame) -> DataFrame:
        """What is learned from, one row per customer and product: user_id, product_id, weight."""
        if not self.implicit:
            return ratings(events)
        weights = interactions(events, self.event_weights, half_life_days=self.half_life_days)
        return debiased(weights, self.debias) if self.debias else weights

    def _refitted(self, weights: DataFrame, items: DataFrame) -> DataFrame:
        """Factors of customers (user_id, vector) that follow from those of products, which are others than before."""
        pair = F.struct("product_id", F.col("weight").cast("float").alias("weight"))
        pairs = weights.groupBy("user_id").agg(F.sort_array(F.collect_list(pair)).alias("pairs"))
        users = pairs.select(
            "user_id", F.col("pairs.product_id").alias("product_ids"), F.col("pairs.weight").alias("weights"),
            no_values("string").alias("mask"),
        )  # fmt: skip
        return fold_in(users, items, self.objective).drop("mask").localCheckpoint()

    def _check(self) -> None:
        """Refuses settings that do not go together."""
        native = self.engine == "native"
        problems = {
            "engine is mllib or native": self.engine not in ("mllib", "native"),
            "solver is cg or cholesky": self.solver not in ("cg", "cholesky"),
            "nonnegative factors need engine=mllib": native and self.nonnegative,
            "device=cuda needs engine=native and solver=cg": self.device == "cuda"
            and (not native or self.solver != "cg"),
            "frequency_power other than 1 needs engine=native": not native and self.frequency_power != 1,
        }
        found = [rule for rule, broken in problems.items() if broken]
        if found:
            raise ValueError(f"als: {'; '.join(found)}")

    def _factors(self, weights: DataFrame) -> tuple[DataFrame, DataFrame]:
        """Factors of customers (user_id, vector) and of products (product_id, vector)."""
        if self.engine == "mllib":
            return self._mllib_factors(weights)
        schedule = Schedule(self.iterations, self.solver, self.device, self.seed, self.checkpoint_every)
        return native_factors(weights, self.objective, schedule)

    def _mllib_factors(self, weights: DataFrame) -> tuple[DataFrame, DataFrame]:
        """Factors by Spark's own solver, of customers and products with a pair that counts: see `Side.is_learned`."""
        ratings, users, products = coded_pairs(weights, weights.where("weight > 0") if self.implicit else weights)
        ratings = ratings.persist()
        n_ratings = ratings.count()
        if not n_ratings:  # which Spark's solver refuses
            ratings.unpersist()
            return _nothing(users), _nothing(products)
        n_blocks = max(ratings.sparkSession.sparkContext.defaultParallelism, -(-n_ratings // _RATINGS_PER_BLOCK))
        solver = ALS(
            rank=self.rank,
            maxIter=self.iterations,
            regParam=self.regularisation,
            alpha=self.alpha,
            implicitPrefs=self.implicit,
            nonnegative=self.nonnegative,
            numUserBlocks=n_blocks,
            numItemBlocks=n_blocks,
            checkpointInterval=self.checkpoint_every or -1,
            seed=self.seed,
        )
        model = solver.fit(ratings)
        ratings.unpersist()
        return _by_id(users, model.userFactors), _by_id(products, model.itemFactors)

    def associate(self, k: int) -> DataFrame:
        """The `k` products of the nearest factors, by cosine: product_id, associated_product_id, score, rank."""
        if self.item_factors_ is None:
            raise NotFitted(self)
        return associate_from_vectors(self.item_factors_, k, self.approximate_above)

    def recommend(self, users: DataFrame, k: int) -> DataFrame:
        """The `k` products of the largest factor products: user_id, product_id, score, rank."""
        if self.user_factors_ is None or self.item_factors_ is None:
            raise NotFitted(self)
        asked = users.select("user_id", "product_ids", mask_of(users, self.mask_seen).alias("mask"))
        known = asked.join(self.user_factors_, "user_id").select("user_id", "vector", "mask")
        if self.implicit:
            new = asked.join(self.user_factors_, "user_id", "left_anti")
            known = known.unionByName(fold_in(new, self.item_factors_, self.objective))
        queries = known.withColumnRenamed("user_id", "id")
        return best_products(queries, self.item_factors_, k, self.approximate_above).withColumnRenamed("id", "user_id")


def _by_id(ids: DataFrame, factors: DataFrame) -> DataFrame:
    """The factors of MLlib with the ids that their codes stand for: id, vector."""
    (name,) = set(ids.columns) - {"code"}
    return ids.join(factors.selectExpr("id AS code", "features AS vector"), "code").select(name, "vector")


def _nothing(ids: DataFrame) -> DataFrame:
    """No factors: id, vector."""
    (name,) = set(ids.columns) - {"code"}
    return ids.select(name, F.lit(None).cast("array<float>").alias("vector")).limit(0)
