"""BPR: matrix factorisation that ranks what a customer has above what they do not have (Rendle et al. 2009)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any, Self

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.cf.factorisation.bpr_kernel import fold
from cartograph.cf.factorisation.bpr_training import train
from cartograph.cf.factorisation.fold_in import weighted
from cartograph.cf.factorisation.recommendation import recommend_from_vectors
from cartograph.cf.factorisation.shards import FACTORS, ITEMS, USERS, factors_of, worker_partitions
from cartograph.cf.settings import BprSettings
from cartograph.core.event_types import EVENT_WEIGHTS
from cartograph.core.model import Model, NotFitted, Silver, associate_from_vectors
from cartograph.core.search.topk import vectors_of
from cartograph.core.settings import settings_of
from cartograph.core.views.interactions import interactions
from cartograph.core.workers.groups import run_group, slots


class Bpr(Model):
    """Learns vectors x of customers, y and biases b of products, by steps that lower, for a product i that customer u
    interacted with and a product j that they did not,

        -ln σ(x_u · y_i + b_i - x_u · y_j - b_j) + regularisation / 2 (|x_u|² + |y_i|² + |y_j|² + b_i² + b_j²).

    Of the `n_negatives` products sampled per step, j is the one that scores highest (dynamic negative sampling, Zhang
    et al. 2013). Steps are taken by compiled code in a worker group, over which customers are partitioned
    (`cf.factorisation.bpr_training`): it needs all its cores at once, and no dynamic allocation. The same seed and
    number of workers give the same answer. Customers known from `fit` are scored by their vectors; a new customer gets
    one by the same kind of steps through their history, products staying as they are.
    """

    name = "bpr"

    def __init__(
        self,
        settings: BprSettings | None = None,
        *,
        event_weights: Mapping[str, float] = EVENT_WEIGHTS,
        mask_seen: bool = True,
        **changed: Any,
    ) -> None:
        self.settings = settings_of(BprSettings, settings, changed)
        self.event_weights = event_weights
        self.mask_seen = mask_seen
        self.user_vectors_: DataFrame | None = None
        self.item_vectors_: DataFrame | None = None

    def fit(self, data: Silver) -> Self:
        """Learns `user_vectors_` (user_id, vector; at its end 1) and `item_vectors_` (product_id, vector; its bias).

        Raises:
            TooFewSlots: fewer free cores than the group needs.
        """
        vectors = bpr_vectors(interactions(data.events, self.event_weights).where("weight > 0"), self.settings)
        self.user_vectors_ = factors_of(vectors, USERS, "user_id")
        self.item_vectors_ = factors_of(vectors, ITEMS, "product_id")
        return self

    def associate(self, k: int) -> DataFrame:
        """The `k` products of the nearest vectors, by cosine: product_id, associated_product_id, score, rank."""
        if self.item_vectors_ is None:
            raise NotFitted(self)
        plain = self.item_vectors_.select("product_id", F.slice("vector", 1, self.settings.rank).alias("vector"))
        return associate_from_vectors(plain, k, self.settings.approximate_above)

    def recommend(self, users: DataFrame, k: int) -> DataFrame:
        """The `k` products of the highest score: user_id, product_id, score, rank."""
        if self.user_vectors_ is None or self.item_vectors_ is None:
            raise NotFitted(self)
        fold = partial(folded, item_vectors=self.item_vectors_, settings=self.settings)
        return recommend_from_vectors(
            users, self.user_vectors_, self.item_vectors_, k, self.mask_seen, self.settings.approximate_above, fold
        )


def bpr_vectors(weights: DataFrame, settings: BprSettings, n_workers: int | None = None) -> DataFrame:
    """Vectors of customers and of products: side, id, vector; see `Bpr.fit` for the last component of each.

    Args:
        weights: user_id, product_id, weight; one row per pair, of which BPR uses the pair alone.
        settings: of the model.
        n_workers: tasks of the group; None: one per core.

    Raises:
        TooFewSlots: fewer cores than workers.
    """
    partitions = worker_partitions(weights, n_workers or slots(weights.sparkSession))
    return run_group(partitions, partial(train, settings=settings), FACTORS)


def folded(users: DataFrame, item_vectors: DataFrame, settings: BprSettings) -> DataFrame:
    """One row per customer with a known product: user_id, vector, mask.

    Args:
        users: user_id, product_ids, mask (passed on).
        item_vectors: product_id, vector, then bias. Held whole by each task.
        settings: of the model.
    """
    items = item_vectors.select("product_id", "vector").toArrow().sort_by("product_id").combine_chunks()
    vectors = np.array(items.column("vector").combine_chunks().flatten(), dtype=np.float32)
    product_ids = pa.concat_arrays([pa.array([], pa.string()), *items.column("product_id").chunks])
    shared = users.sparkSession.sparkContext.broadcast((product_ids, vectors.reshape(-1, settings.rank + 1)))
    schema = "user_id string, vector array<float>, mask array<string>"
    asked = users.select("user_id", "product_ids", "mask")
    return asked.mapInArrow(partial(_fold, shared=shared, settings=settings), schema)


def _fold(batches: Iterable[pa.RecordBatch], shared: Any, settings: BprSettings) -> Iterator[pa.RecordBatch]:
    """Vectors of the customers of each batch of histories."""
    product_ids, items = shared.value
    for batch in batches:
        starts, columns, _ = weighted(batch, product_ids)
        users = np.zeros((batch.num_rows, settings.rank + 1), dtype=np.float32)
        users[:, -1] = 1
        fold(
            starts, columns, users, items, settings.iterations, settings.learning_rate, settings.regularisation,
            settings.n_negatives, settings.seed,
        )  # fmt: skip
        given = [batch.column("user_id"), vectors_of(users), batch.column("mask")]
        rows = pa.RecordBatch.from_arrays(given, names=["user_id", "vector", "mask"])
        yield rows.filter(pa.array(np.diff(starts) > 0))
