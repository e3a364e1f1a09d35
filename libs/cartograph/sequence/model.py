"""What the sequence models share: from histories to a trained network, and from that to lists."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, replace
from functools import partial
from typing import Any, Literal, Self

import pyarrow as pa
import pyarrow.compute as pc
import torch
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from torch import nn

from cartograph.core.model import Model, NotFitted, Silver, TooLittle
from cartograph.core.search.topk import top_k, vectors_of
from cartograph.core.training.feed import Backend, materialised
from cartograph.core.training.settings import TrainingConfig
from cartograph.core.training.state import seconds_per_epoch
from cartograph.core.training.trainer import Epoch, train
from cartograph.core.training.weights import Weights
from cartograph.core.views.histories import histories
from cartograph.core.views.seen import mask_of
from cartograph.core.workers.groups import group_size
from cartograph.sequence.facts import catalogue, facts_of
from cartograph.sequence.network import NextItem, SequenceNetwork, Shape
from cartograph.sequence.padded import padded_rows, steps_of, stretches

_ROWS_PER_BLOCK = 512  # histories that a task scores together
_LEAST_ROWS = 32  # of a worker's part of a step: with fewer it waits for the others more than it works
EVENTS = ("view", "cart", "purchase", "rating")
INPUTS = ("event_type", "gap", "price", "content")


class SequenceModel(Model):
    """A network learns to tell each product of a customer's history from the ones before it, and so the next one.

    Args:
        max_length: events that are looked back at.
        newest: events of a customer that are learned from, in stretches of `max_length`.
        guests: learn from the sessions of visitors who are not known, too.
        max_products: best sellers that are modelled; None: all that were bought. Memory of a worker and the bytes of a
            step grow with them.
        event_types: events that count.
        inputs: what the network is told of an event besides its product: event_type, gap (time since the one before);
            and of a product: price, content (its vector in `data.vectors`). Told of content, it knows products too
            that nobody has bought yet.
        width: length of the vectors.
        depth: layers.
        dropout: share of numbers that a training step leaves out.
        similarity: dot; or cosine: vectors have length one, and scores are divided by `temperature`.
        temperature: of cosine.
        loss: full, the softmax over all products; sampled, over `n_sampled` drawn ones, corrected for the drawing.
        n_sampled: products drawn for a batch.
        smoothing: share of a target's certainty that is spread over all products (loss full).
        epochs, batch_size, learning_rate, weight_decay, warmup_steps, decay, clip_norm, patience, checkpoint_every,
            device, seed: see `core.training.settings.TrainingConfig`.
        validation_share: customers whose last product is held back to tell when to stop; with patience 0, to be told.
        workers: of the training group; None: one per core, as long as each has 32 histories of a step.
        backend: of the feed: petastorm or arrow.
        mask_seen: never recommend what the customer has seen (`core.views.seen`).
    """

    body: Callable[[Shape], nn.Module]  # of the network, by each model
    heads: int = 1

    def __init__(
        self,
        *,
        max_length: int = 50,
        newest: int = 1000,
        guests: bool = True,
        max_products: int | None = 50_000,
        event_types: tuple[str, ...] = EVENTS,
        inputs: tuple[str, ...] = (),
        width: int = 64,
        depth: int = 1,
        dropout: float = 0.5,
        similarity: Literal["dot", "cosine"] = "dot",
        temperature: float = 0.1,
        loss: Literal["full", "sampled"] = "full",
        n_sampled: int = 1024,
        smoothing: float = 0.0,
        epochs: int = 20,
        batch_size: int = 256,
        learning_rate: float = 2e-3,
        weight_decay: float = 0.01,
        warmup_steps: int = 100,
        decay: Literal["constant", "linear", "cosine"] = "cosine",
        clip_norm: float = 5.0,
        patience: int = 0,
        checkpoint_every: int = 0,
        device: Literal["cpu", "cuda"] = "cpu",
        validation_share: float = 0.0,
        workers: int | None = None,
        backend: Backend = "petastorm",
        seed: int = 7,
        mask_seen: bool = True,
    ) -> None:
        self.max_length = max_length
        self.newest = newest
        self.guests = guests
        self.max_products = max_products
        self.event_types = event_types
        self.inputs = inputs
        self.width = width
        self.depth = depth
        self.dropout = dropout
        self.similarity = similarity
        self.temperature = temperature
        self.loss = loss
        self.n_sampled = n_sampled
        self.smoothing = smoothing
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
        self.validation_share = validation_share
        self.workers = workers
        self.backend = backend
        self.seed = seed
        self.mask_seen = mask_seen
        self.record: Callable[[Epoch], None] | None = None
        self.weights_: Weights | None = None
        self.product_ids_: pa.Array | None = None
        self.shape_: Shape | None = None
        self.epochs_: list[Epoch] = []

    def fit(self, data: Silver) -> Self:
        """Learns `weights_`, of the products `product_ids_`; `epochs_` are the metrics of each epoch.

        Raises:
            TooLittle: no customer has two events; content is asked for, and no product has a vector.
            ValueError: settings that do not go together.
            TooFewSlots: fewer free cores than the group has workers.
        """
        self._check()
        context = data.events.sparkSession.sparkContext
        counting = data.events.where(F.col("event_type").isin(*self.event_types))
        if self.guests:
            visit = F.concat(F.lit("session "), "session_id")
            counting = counting.withColumn("user_id", F.coalesce("user_id", visit))
        counting = counting.where("user_id IS NOT NULL")
        known = histories(counting, self.newest)
        unmet = None  # products that nobody has had to do with; what is in no history, though met, is disliked
        if "content" in self.inputs and data.vectors is not None:
            unmet = data.vectors.join(counting.select("product_id").distinct(), "product_id", "left_anti")
        learned = known.select(F.explode("product_ids").alias("product_id"))
        products = catalogue(learned, unmet, self.max_products)
        if not products.num_rows:
            raise TooLittle("it learns from histories, and there are none with events of its types")
        self.product_ids_ = products["product_id"].combine_chunks()
        facts = facts_of(data, self.product_ids_, self.inputs)
        counts = products["n"].filter(pc.greater(products["n"], 0)).to_pylist()
        self.shape_ = self._shape(len(counts), len(products) - len(counts), facts.width)
        learner = NextItem(
            self.shape_, type(self).body, self.smoothing, facts=context.broadcast(facts), digest=facts.digest
        )
        if self.loss == "sampled":
            learner = replace(learner, smoothing=0.0, n_sampled=self.n_sampled, counts=tuple(counts))
        steps = stretches(steps_of(known, self.event_types), self.max_length)
        rows = padded_rows(steps, context.broadcast(self.product_ids_), self.max_length + 1).where("n > 1").persist()
        drawn = F.pmod(F.xxhash64("user_id", F.lit(self.seed)), F.lit(1_000_000)) < self.validation_share * 1e6
        held = drawn & F.col("is_newest") & (F.col("n") > 2)
        training = rows.select("items", "types", "gaps", (F.col("n") - held.cast("int")).alias("n"))
        self._train(learner, training, rows.where(held).select("items", "types", "gaps", "n"))
        rows.unpersist()
        return self

    def _train(self, learner: NextItem, training: DataFrame, validation: DataFrame) -> None:
        """Learns `weights_` on the rows."""
        spark = training.sparkSession
        n_workers = group_size(spark, self.workers, self.batch_size, _LEAST_ROWS)
        schedule = TrainingConfig(
            epochs=self.epochs, batch_size=self.batch_size, learning_rate=self.learning_rate,
            weight_decay=self.weight_decay, warmup_steps=self.warmup_steps, decay=self.decay, clip_norm=self.clip_norm,
            patience=self.patience, checkpoint_every=self.checkpoint_every, device=self.device, seed=self.seed,
        )  # fmt: skip
        config = {"model": self.name, **asdict(learner.shape)}
        if not training.head(1):
            raise TooLittle("it learns from what follows what, and no customer has two events of known products")
        with materialised(training, n_workers, self.backend, self.seed) as feed:
            if self.validation_share and validation.head(1):
                with materialised(validation, n_workers, self.backend, self.seed) as held:
                    trained = train(spark, learner, feed, schedule, held, config, self.record)
            else:
                trained = train(
                    spark, learner, feed, schedule.model_copy(update={"patience": 0}), None, config, self.record
                )
        self.weights_, self.epochs_ = trained.weights, trained.epochs

    @property
    def seconds_per_epoch_(self) -> float | None:
        """The mean over all epochs but the first, which warms up."""
        return seconds_per_epoch(self.epochs_)

    def associate(self, k: int) -> DataFrame:
        """What a customer buys next who has bought one product: product_id, associated_product_id, score, rank."""
        spark = SparkSession.active()
        if self.product_ids_ is None:
            raise NotFitted(self)
        alone = spark.createDataFrame(pa.table({"user_id": self.product_ids_})).select(
            "user_id", F.array("user_id").alias("product_ids")
        )
        n_tasks = spark.sparkContext.defaultParallelism
        return self._lists(alone.repartition(n_tasks), k, mask_seen=True).withColumnsRenamed(
            {"product_id": "associated_product_id", "id": "product_id"}
        )

    def recommend(self, users: DataFrame, k: int) -> DataFrame:
        """The `k` products most likely to come next: user_id, product_id, score, rank."""
        return self._lists(users, k, self.mask_seen).withColumnRenamed("id", "user_id")

    def user_vectors(self, users: DataFrame) -> DataFrame:
        """One row per customer with known products: user_id, vector, the mean over the events of the history."""
        return self._vectors(users, "mean").drop("mask")

    def _lists(self, users: DataFrame, k: int, mask_seen: bool) -> DataFrame:
        asked = users.withColumn("mask", mask_of(users, mask_seen))
        queries = self._vectors(asked, "last").withColumnRenamed("user_id", "id")
        return top_k(queries, self._items(users.sparkSession), k)

    def _vectors(self, users: DataFrame, of: Literal["last", "mean"]) -> DataFrame:
        """One row per customer with known products: user_id, mask (that of `users`), vector."""
        if self.weights_ is None or self.product_ids_ is None or self.shape_ is None:
            raise NotFitted(self)
        context = users.sparkSession.sparkContext
        ids, weights = context.broadcast(self.product_ids_), context.broadcast(self.weights_)
        rows = padded_rows(steps_of(users, self.event_types), ids, self.max_length)
        work = partial(_score, weights=weights, shape=self.shape_, body=type(self).body, of=of)
        return rows.mapInArrow(work, "user_id string, mask array<string>, vector array<float>")

    def _items(self, spark: SparkSession) -> DataFrame:
        """The products as their network knows them: product_id, vector."""
        assert self.weights_ is not None
        assert self.shape_ is not None
        network = restored(self.weights_, self.shape_, type(self).body)
        vectors = _lists_of(network.item_vectors().detach())
        return spark.createDataFrame(pa.table({"product_id": self.product_ids_, "vector": vectors}))

    def _shape(self, n_items: int, n_new: int, content: int) -> Shape:
        """Of the network."""
        return Shape(
            n_items, n_new, content, self.width, self.depth, self.heads, self.dropout, self.max_length,
            tuple(self.inputs), self.similarity, self.temperature,
        )  # fmt: skip

    def _check(self) -> None:
        """Refuses settings that do not go together."""
        problems = {
            "similarity is dot or cosine": self.similarity not in ("dot", "cosine"),
            "loss is full or sampled": self.loss not in ("full", "sampled"),
            f"inputs are {', '.join(INPUTS)}": not set(self.inputs) <= set(INPUTS),
            "patience needs validation_share": bool(self.patience) and not self.validation_share,
            f"width {self.width} is a multiple of heads": bool(self.width % self.heads),
        }
        found = [rule for rule, broken in problems.items() if broken]
        if found:
            raise ValueError(f"{self.name}: {'; '.join(found)}")


def restored(weights: Weights, shape: Shape, body: Callable[[Shape], nn.Module]) -> SequenceNetwork:
    """The network with those weights, for use."""
    network = SequenceNetwork(shape, body)
    network.load_state_dict(weights.tensors())
    return network.eval()


def _score(
    batches: Iterable[pa.RecordBatch], weights: Any, shape: Shape, body: Callable[[Shape], nn.Module], of: str
) -> Iterator[pa.RecordBatch]:
    """Vectors of the histories of each batch: user_id, mask, vector."""
    network: SequenceNetwork | None = None
    torch.set_num_threads(1)
    for batch in batches:
        network = network or restored(weights.value, shape, body)
        for start in range(0, batch.num_rows, _ROWS_PER_BLOCK):
            rows = batch.slice(start, _ROWS_PER_BLOCK)
            items, types, gaps = (_matrix(rows.column(name), shape.length) for name in ("items", "types", "gaps"))
            n = torch.from_numpy(rows.column("n").to_numpy().copy())
            with torch.inference_mode():
                vectors = (network.last if of == "last" else network.mean)(items, types, gaps, n)
            ids = [rows.column("user_id"), rows.column("mask")]
            yield pa.RecordBatch.from_arrays([*ids, _lists_of(vectors)], names=["user_id", "mask", "vector"])


def _matrix(lists: pa.Array, length: int) -> torch.Tensor:
    return torch.from_numpy(lists.flatten().to_numpy().reshape(-1, length).copy())


def _lists_of(vectors: torch.Tensor) -> pa.ListArray:
    """The rows of a tensor as lists of float32."""
    return vectors_of(vectors.float().numpy())
