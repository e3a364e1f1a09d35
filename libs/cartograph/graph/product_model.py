"""What the graph networks share: products have vectors, customers are what they have; trained on a worker group."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, Self

import numpy as np
import pyarrow as pa
import scipy.sparse as sp
import torch
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from cartograph.core.model import Model, NotFitted, Silver, TooLittle, associate_from_vectors, unit_vectors
from cartograph.core.search.neighbours import positions_of
from cartograph.core.search.topk import matrix_of, top_k, vectors_of
from cartograph.core.training.feed import Backend, Feed, materialised
from cartograph.core.training.group import training_group
from cartograph.core.training.settings import TrainingConfig
from cartograph.core.training.state import seconds_per_epoch
from cartograph.core.training.trainer import Epoch, train
from cartograph.core.training.weights import Weights
from cartograph.core.views.interactions import EVENT_WEIGHTS, interactions
from cartograph.core.views.seen import mask_of
from cartograph.core.workers.groups import Group, group_size, run_group
from cartograph.graph.customers import Customers, customers
from cartograph.graph.learner import Encoding, Recommending
from cartograph.graph.start import spectral_start

_LEAST_ROWS = 32  # of a worker's part of a step: with fewer it waits for the others more than it works
VECTORS = "code int, vector array<float>, bias float"


@dataclass(frozen=True)
class Given:
    """What an encoder can be made from: silver tables, customers, their rows as fed, edges and first vectors."""

    data: Silver
    known: Customers
    rows: Feed
    edges: DataFrame | None
    start: Feed | None
    feeds: ExitStack


class ProductModel(Model):
    """A network learns vectors z of products such that a customer is near what he has (`graph.learner`).

    Args:
        width: length of the vectors.
        initial: what products' vectors start from: spectral (the strongest singular vectors of who has what, as in
            `graph.spectrum`), or random.
        max_length: products of a customer that count, those touched last.
        loss: softmax, or bpr.
        temperature: of softmax.
        biased: products have biases, which are added to their scores: see `graph.learner`.
        n_negatives: products drawn per step for softmax.
        validation_days: what customers touched first in so many last days is held back to tell when to stop; None:
            nothing is.
        epochs, batch_size (in customers), learning_rate, weight_decay, warmup_steps, decay, clip_norm, patience,
            checkpoint_every, device, seed: see `core.training.settings.TrainingConfig`.
        workers: of the training group; None: one per core, as long as each has 32 customers of a step.
        backend: of the feed: petastorm or arrow.
        event_weights: what an event of each type weighs; a product counts when its weights add up to more than nothing.
        mask_seen: never recommend what the customer has seen (`core.views.seen`).
    """

    def __init__(
        self,
        *,
        width: int = 64,
        initial: Literal["spectral", "random"] = "spectral",
        max_length: int = 200,
        loss: Literal["softmax", "bpr"] = "softmax",
        temperature: float = 0.1,
        biased: bool = True,
        n_negatives: int = 4096,
        validation_days: int | None = None,
        epochs: int = 20,
        batch_size: int = 256,
        learning_rate: float = 0.02,
        weight_decay: float = 0.0,
        warmup_steps: int = 0,
        decay: Literal["constant", "linear", "cosine"] = "cosine",
        clip_norm: float = 0.0,
        patience: int = 0,
        checkpoint_every: int = 0,
        device: Literal["cpu", "cuda"] = "cpu",
        workers: int | None = None,
        backend: Backend = "petastorm",
        seed: int = 7,
        event_weights: Mapping[str, float] = EVENT_WEIGHTS,
        mask_seen: bool = True,
    ) -> None:
        self.width = width
        self.initial = initial
        self.max_length = max_length
        self.loss = loss
        self.temperature = temperature
        self.biased = biased
        self.n_negatives = n_negatives
        self.validation_days = validation_days
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.warmup_steps = warmup_steps
        self.decay = decay
        self.clip_norm = clip_norm
        self.patience = patience
        self.checkpoint_every = checkpoint_every
        self.device = device
        self.workers = workers
        self.backend = backend
        self.seed = seed
        self.event_weights = event_weights
        self.mask_seen = mask_seen
        self.record: Callable[[Epoch], None] | None = None
        self.weights_: Weights | None = None
        self.item_vectors_: DataFrame | None = None
        self.epochs_: list[Epoch] = []

    def fit(self, data: Silver, edges: DataFrame | None = None) -> Self:
        """Learns `weights_` and `item_vectors_`.

        These are product_id, vector, bias, weight: what it counts in a customer.

        Args:
            data: silver tables before `as_of`.
            edges: rows of silver.product_graph, for models that read them; None: they make a graph of their own.

        Raises:
            TooLittle: no customer has two products.
            ValueError: settings that do not go together.
            TooFewSlots: fewer free cores than the group has workers.
        """
        if self.patience and self.validation_days is None:
            raise ValueError(f"{self.name}: patience needs validation_days")
        met = interactions(data.events, self.event_weights).persist()
        more = self._more_products(data).join(met.select("product_id").distinct(), "product_id", "left_anti")
        known = customers(met.where("weight > 0"), more, self.max_length, self.validation_days)
        if not known.training.where("items[1] >= 0").head(1):
            raise TooLittle("it learns from products of the same customer, and no customer has two of them")
        with ExitStack() as feeds:
            feed = feeds.enter_context(materialised(known.training, self._n_workers(), self.backend, self.seed))
            start = self._start(known, feeds)
            encoding = self._encoding(Given(data, known, feed, edges, start, feeds))
            learner = Recommending(
                encoding, known.degrees, self.loss, self.temperature, self.n_negatives, biased=self.biased
            )
            self._train(data.events.sparkSession, learner, feed, known)
            vectors = computed_vectors(data.events.sparkSession, learner, self.weights_, len(feed.files), self.device)
        self.item_vectors_ = self._named(vectors, known)
        met.unpersist()
        return self

    def _more_products(self, data: Silver) -> DataFrame:
        """product_id of products that get a vector if nobody has met them; those that were met and not liked do not."""
        return data.products.select("product_id").where("false")

    def _start(self, known: Customers, feeds: ExitStack) -> Feed | None:
        """What products' vectors start from, in one file, which every worker reads; None: at random."""
        if self.initial == "random":
            return None
        rows = spectral_start(known, self.width, self.seed, self._n_workers())
        return feeds.enter_context(materialised(rows, 1, self.backend, self.seed))

    def _encoding(self, given: Given) -> Encoding:
        """The encoder that this model learns; further feeds that it reads are entered into `given.feeds`."""
        raise NotImplementedError

    def _n_workers(self) -> int:
        return group_size(SparkSession.active(), self.workers, self.batch_size, _LEAST_ROWS)

    def _train(self, spark: SparkSession, learner: Recommending, feed: Feed, known: Customers) -> None:
        training = TrainingConfig(
            epochs=self.epochs, batch_size=self.batch_size, learning_rate=self.learning_rate,
            weight_decay=self.weight_decay, warmup_steps=self.warmup_steps, decay=self.decay, clip_norm=self.clip_norm,
            patience=self.patience, checkpoint_every=self.checkpoint_every, device=self.device, seed=self.seed,
        )  # fmt: skip
        config = {"model": self.name, "width": self.width, "n_items": len(known.degrees)}
        with ExitStack() as stack:
            held = None
            if known.validation is not None:
                if not known.validation.head(1):
                    raise TooLittle(f"nobody touched anything new in {self.validation_days} days")
                held = stack.enter_context(materialised(known.validation, len(feed.files), self.backend, self.seed))
            trained = train(spark, learner, feed, training, held, config, self.record)
        self.weights_, self.epochs_ = trained.weights, trained.epochs

    def _named(self, vectors: DataFrame, known: Customers) -> DataFrame:
        """product_id, vector, bias, weight, kept by the executors."""
        codes = pa.array(np.arange(len(known.degrees)), pa.int32())
        counts = pa.array(np.maximum(np.array(known.degrees, np.float64), 1) ** -0.5)
        weights = vectors.sparkSession.createDataFrame(pa.table({"code": codes, "weight": counts}))
        named = vectors.join(known.products, "code").join(weights, "code")
        return named.select("product_id", "vector", "bias", "weight").localCheckpoint()

    @property
    def seconds_per_epoch_(self) -> float | None:
        """The mean over all epochs but the first, which warms up."""
        return seconds_per_epoch(self.epochs_)

    def associate(self, k: int) -> DataFrame:
        """The `k` products of the nearest vectors, by cosine: product_id, associated_product_id, score, rank."""
        if self.item_vectors_ is None:
            raise NotFitted(self)
        return associate_from_vectors(self.item_vectors_.select("product_id", "vector"), k)

    def recommend(self, users: DataFrame, k: int) -> DataFrame:
        """The `k` products nearest to what the customer has: user_id, product_id, score, rank.

        Scores are cos(x, z) + temperature b of softmax, x · z + b of bpr.
        """
        if self.item_vectors_ is None:
            raise NotFitted(self)
        is_cosine = self.loss == "softmax"
        items = self.item_vectors_.select("product_id", "vector")
        items = (unit_vectors(items) if is_cosine else items).join(self.item_vectors_.drop("vector"), "product_id")
        bias = (F.col("bias") * (self.temperature if is_cosine else 1.0)).cast("float")
        items = items.select("product_id", F.concat("vector", F.array(bias)).alias("vector"))
        asked = users.select("user_id", "product_ids", mask_of(users, self.mask_seen).alias("mask"))
        queries = customer_vectors(asked, self.item_vectors_, is_cosine).withColumnRenamed("user_id", "id")
        return top_k(queries, items, k).withColumnRenamed("id", "user_id")


def customer_vectors(users: DataFrame, items: DataFrame, unit: bool) -> DataFrame:
    """One row per customer with a known product: user_id, mask, vector: the weighted sum of the products'.

    A 1 follows, which takes the bias.

    Args:
        users: user_id, product_ids, mask (passed on).
        items: product_id, vector, weight. Held whole by each task.
        unit: the sum is brought to length one.
    """
    table = items.toArrow().sort_by("product_id").combine_chunks()
    weights = table["weight"].to_numpy().astype(np.float32)[:, None]
    product_ids = pa.concat_arrays([pa.array([], pa.string()), *table["product_id"].chunks])
    shipped = users.sparkSession.sparkContext.broadcast(
        (product_ids, weights * matrix_of(table["vector"].combine_chunks()))
    )
    asked = users.select("user_id", "mask", F.array_distinct("product_ids").alias("had"))
    schema = "user_id string, mask array<string>, vector array<float>"
    return asked.mapInArrow(partial(_added_up, shipped=shipped, unit=unit), schema)


def _added_up(batches: Iterable[pa.RecordBatch], shipped: Any, unit: bool) -> Iterator[pa.RecordBatch]:
    """Vectors of the customers of each batch."""
    product_ids, vectors = shipped.value
    for batch in batches:
        starts, known = positions_of(pa.chunked_array([batch.column("had")]), product_ids)
        inside = known >= 0
        ends = np.concatenate(([0], np.cumsum(inside)))[starts]
        rows = sp.csr_matrix((np.ones(ends[-1], np.float32), known[inside], ends), (batch.num_rows, len(vectors)))
        sums = rows @ vectors
        if unit:
            sums /= np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-6)
        biased = np.column_stack([sums, np.ones(len(sums), np.float32)])
        columns = [batch.column("user_id"), batch.column("mask"), vectors_of(biased)]
        made = pa.RecordBatch.from_arrays(columns, names=["user_id", "mask", "vector"])
        yield made.filter(pa.array(np.diff(ends) > 0))


def computed_vectors(
    spark: SparkSession, learner: Recommending, weights: Weights | None, n_workers: int, device: str
) -> DataFrame:
    """One row per product: code, vector, bias, computed by a group of as many workers as were trained with."""
    shipped = spark.sparkContext.broadcast(weights)
    work = partial(_vectors, learner=learner, weights=shipped, device=device)
    return run_group(spark.range(n_workers).repartition(n_workers), work, VECTORS)


def _vectors(
    group: Group, _: Iterable[pa.RecordBatch], learner: Recommending, weights: Any, device: str
) -> Iterator[pa.RecordBatch]:
    """One worker's share of the vectors."""
    with training_group(group, device) as together:
        network = learner.network()
        network.load_state_dict(weights.value.tensors())
        network.to(together.device).eval()
        with torch.inference_mode():
            vectors, biases = network.all_vectors().float().cpu().numpy(), network.biases.cpu().numpy()
    share = np.array_split(np.arange(len(vectors), dtype=np.int32), group.size)[group.rank]
    columns = [pa.array(share), vectors_of(vectors[share]), pa.array(biases[share])]
    yield pa.record_batch(columns, ["code", "vector", "bias"])
