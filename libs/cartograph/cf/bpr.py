"""BPR: matrix factorisation that ranks what a customer has above what he has not (Rendle et al. 2009)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any, Self

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.cf.bpr_kernel import fold
from cartograph.cf.bpr_training import Steps, train
from cartograph.cf.fold_in import weighted
from cartograph.cf.shards import FACTORS, ITEMS, USERS, dealt, factors_of
from cartograph.core.model import Model, NotFitted, Silver, associate_from_vectors
from cartograph.core.search.approximate import best_products
from cartograph.core.search.topk import vectors_of
from cartograph.core.views.interactions import EVENT_WEIGHTS, interactions
from cartograph.core.views.seen import mask_of
from cartograph.core.workers.groups import run_group, slots


class Bpr(Model):
    """Learns vectors x of customers, y and biases b of products, by steps that lower, for a product i that customer u
    had to do with and a product j that he had not,

        -ln σ(x_u · y_i + b_i - x_u · y_j - b_j) + regularisation / 2 (|x_u|² + |y_i|² + |y_j|² + b_i² + b_j²).

    Steps are taken by compiled code in a worker group, customers dealt out (`cf.bpr_training`): it wants all its cores
    at once, and no dynamic allocation. The same seed and number of workers give the same answer. Customers known from
    `fit` are scored by their vectors; a new one gets a vector by the same kind of steps through his history, products
    staying as they are.

    Args:
        rank: length of a vector.
        iterations: steps per pair of customer and product.
        learning_rate: length of a step at the start; it falls to 0.
        regularisation: pull of every number towards 0.
        n_negatives: products drawn a step, of which the one that scores highest is ranked below what the customer has
            (Zhang et al. 2013, dynamic negative sampling); 1: as Rendle has it.
        exchanges: how often per iteration workers tell each other what they learnt of products.
        seed: of the first vectors and of what is drawn.
        event_weights: what an event of each type weighs; a product counts when its weights add up to more than nothing.
        approximate_above: so many products are searched approximately (`core.search.approximate`); None: never.
        mask_seen: never recommend what the customer has seen (`core.views.seen`).
    """

    name = "bpr"

    def __init__(
        self,
        *,
        rank: int = 64,
        iterations: int = 50,
        learning_rate: float = 0.05,
        regularisation: float = 0.01,
        n_negatives: int = 4,
        exchanges: int = 5,
        seed: int = 7,
        event_weights: Mapping[str, float] = EVENT_WEIGHTS,
        approximate_above: int | None = None,
        mask_seen: bool = True,
    ) -> None:
        self.rank = rank
        self.iterations = iterations
        self.learning_rate = learning_rate
        self.regularisation = regularisation
        self.n_negatives = n_negatives
        self.exchanges = exchanges
        self.seed = seed
        self.event_weights = event_weights
        self.approximate_above = approximate_above
        self.mask_seen = mask_seen
        self.user_vectors_: DataFrame | None = None
        self.item_vectors_: DataFrame | None = None

    @property
    def steps(self) -> Steps:
        """How it learns."""
        length = (self.learning_rate, self.regularisation)
        return Steps(self.rank, self.iterations, *length, self.n_negatives, self.exchanges, self.seed)

    def fit(self, data: Silver) -> Self:
        """Learns `user_vectors_` (user_id, vector; at its end 1) and `item_vectors_` (product_id, vector; its bias).

        Raises:
            TooFewSlots: fewer free cores than the group needs.
        """
        vectors = bpr_vectors(interactions(data.events, self.event_weights).where("weight > 0"), self.steps)
        self.user_vectors_ = factors_of(vectors, USERS, "user_id")
        self.item_vectors_ = factors_of(vectors, ITEMS, "product_id")
        return self

    def associate(self, k: int) -> DataFrame:
        """The `k` products of the nearest vectors, by cosine: product_id, associated_product_id, score, rank."""
        if self.item_vectors_ is None:
            raise NotFitted(self)
        plain = self.item_vectors_.select("product_id", F.slice("vector", 1, self.rank).alias("vector"))
        return associate_from_vectors(plain, k, self.approximate_above)

    def recommend(self, users: DataFrame, k: int) -> DataFrame:
        """The `k` products of the highest score: user_id, product_id, score, rank."""
        if self.user_vectors_ is None or self.item_vectors_ is None:
            raise NotFitted(self)
        asked = users.select("user_id", "product_ids", mask_of(users, self.mask_seen).alias("mask"))
        known = asked.join(self.user_vectors_, "user_id").select("user_id", "vector", "mask")
        new = asked.join(self.user_vectors_, "user_id", "left_anti")
        queries = known.unionByName(folded(new, self.item_vectors_, self.steps)).withColumnRenamed("user_id", "id")
        return best_products(queries, self.item_vectors_, k, self.approximate_above).withColumnRenamed("id", "user_id")


def bpr_vectors(weights: DataFrame, steps: Steps, n_workers: int | None = None) -> DataFrame:
    """Vectors of customers and of products: side, id, vector; see `Bpr` for the last number of each.

    Args:
        weights: user_id, product_id, weight; one row per pair, of which BPR asks no more than that there is one.
        steps: how to learn.
        n_workers: tasks of the group; None: one per core.

    Raises:
        TooFewSlots: fewer cores than workers.
    """
    return run_group(dealt(weights, n_workers or slots(weights.sparkSession)), partial(train, steps=steps), FACTORS)


def folded(users: DataFrame, item_vectors: DataFrame, steps: Steps) -> DataFrame:
    """One row per customer with a known product: user_id, vector, mask.

    Args:
        users: user_id, product_ids, mask (passed on).
        item_vectors: product_id, vector, then bias. Held whole by each task.
        steps: how to learn.
    """
    items = item_vectors.select("product_id", "vector").toArrow().sort_by("product_id").combine_chunks()
    vectors = np.array(items.column("vector").combine_chunks().flatten(), dtype=np.float32)
    product_ids = pa.concat_arrays([pa.array([], pa.string()), *items.column("product_id").chunks])
    shipped = users.sparkSession.sparkContext.broadcast((product_ids, vectors.reshape(-1, steps.rank + 1)))
    schema = "user_id string, vector array<float>, mask array<string>"
    asked = users.select("user_id", "product_ids", "mask")
    return asked.mapInArrow(partial(_fold, shipped=shipped, steps=steps), schema)


def _fold(batches: Iterable[pa.RecordBatch], shipped: Any, steps: Steps) -> Iterator[pa.RecordBatch]:
    """Vectors of the customers of each batch of histories."""
    product_ids, items = shipped.value
    for batch in batches:
        starts, columns, _ = weighted(batch, product_ids)
        users = np.zeros((batch.num_rows, steps.rank + 1), dtype=np.float32)
        users[:, -1] = 1
        fold(
            starts, columns, users, items, steps.iterations, steps.rate, steps.regularisation, steps.n_negatives,
            steps.seed,
        )  # fmt: skip
        given = [batch.column("user_id"), vectors_of(users), batch.column("mask")]
        rows = pa.RecordBatch.from_arrays(given, names=["user_id", "vector", "mask"])
        yield rows.filter(pa.array(np.diff(starts) > 0))
