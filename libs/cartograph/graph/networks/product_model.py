"""What the graph networks share: products have vectors, customers are sums of them; trained by a worker group."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, Self, TypeVar

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from cartograph.core.event_types import EVENT_WEIGHTS
from cartograph.core.model import Model, NotFitted, Silver, TooLittle, associate_from_vectors
from cartograph.core.search.directions import unit_vectors
from cartograph.core.search.topk import top_k
from cartograph.core.settings import settings_of
from cartograph.core.training.feed import Feed, materialised
from cartograph.core.training.settings import TrainingConfig
from cartograph.core.training.state import seconds_per_epoch
from cartograph.core.training.trainer import Epoch, train
from cartograph.core.training.weights import Weights
from cartograph.core.views.interactions import interactions
from cartograph.core.views.seen import mask_of
from cartograph.core.workers.groups import group_size
from cartograph.graph.networks.customer_rows import CustomerRows, customer_rows
from cartograph.graph.networks.inference import computed_vectors, customer_vectors
from cartograph.graph.networks.initial_vectors import spectral_start
from cartograph.graph.networks.recommendation_task import Encoding, RecommendationTask
from cartograph.graph.settings import GraphSettings, GraphTrainingSettings, NetworkSettings

_MIN_ROWS = 32  # Customers of a step per worker: with fewer it waits for the others longer than it computes.
Own = TypeVar("Own", bound=NetworkSettings)


@dataclass(frozen=True)
class EncoderInputs:
    """What an encoder can be built from: silver tables, customers, their rows as a feed, edges, initial vectors.

    Further feeds are entered into `feeds`, which closes them after training.
    """

    data: Silver
    customers: CustomerRows
    rows: Feed
    edges: DataFrame | None
    start: Feed | None
    feeds: ExitStack


class ProductModel(Model, Generic[Own]):
    """A network learns vectors z of products such that customers are near what they have (`recommendation_task`).

    Args:
        settings: those of the network.
        training: those of its training. Fields of both may be given as keywords.
        event_weights: weight of each event type; a product counts if the sum of a customer's weights is positive.
        mask_seen: never recommend what the customer has seen (`core.views.seen`).
    """

    settings_class: type[Own]

    def __init__(
        self,
        settings: Own | None = None,
        *,
        training: GraphTrainingSettings | None = None,
        event_weights: Mapping[str, float] = EVENT_WEIGHTS,
        mask_seen: bool = True,
        **changed: Any,
    ) -> None:
        shared = {name: changed.pop(name) for name in GraphTrainingSettings.model_fields if name in changed}
        self.settings = settings_of(self.settings_class, settings, changed)
        self.training = settings_of(GraphTrainingSettings, training, shared)
        self.event_weights = event_weights
        self.mask_seen = mask_seen
        self.weights_: Weights | None = None
        self.item_vectors_: DataFrame | None = None
        self.epochs_: list[Epoch] = []

    @classmethod
    def configured(cls, section: GraphSettings, **changed: Any) -> Self:
        """The model as the section describes it."""
        return super().configured(section, training=section.training, **changed)

    def fit(self, data: Silver) -> Self:
        """Learns `weights_` and `item_vectors_`: product_id, vector, bias, weight (that of a product in a customer).

        The edges of `data` are ignored if `validation_days` is set, as a graph of all days contains what is held out.

        Raises:
            TooLittle: no customer has two products.
            TooFewSlots: fewer free cores than the group has workers.
        """
        training = self.training
        weighted = interactions(data.events, self.event_weights).persist()
        more = self._more_products(data).join(weighted.select("product_id").distinct(), "product_id", "left_anti")
        liked = weighted.where("weight > 0")
        customers = customer_rows(liked, more, training.max_length, training.validation_days)
        if not customers.training.where("items[1] >= 0").head(1):
            raise TooLittle("no customer has two products to learn from")
        edges = data.edges if training.validation_days is None else None
        spark = data.events.sparkSession
        with ExitStack() as feeds:
            feed = feeds.enter_context(self._feed(customers.training, self._n_workers()))
            start = self._start(customers, feeds)
            encoding = self._encoding(EncoderInputs(data, customers, feed, edges, start, feeds))
            task = RecommendationTask(encoding, customers.degrees, training, self.settings.temperature)
            self._train(spark, task, feed, customers, data)
            vectors = computed_vectors(spark, task, self.weights_, len(feed.files), training.device)
        self.item_vectors_ = _named(vectors, customers)
        weighted.unpersist()
        return self

    def _more_products(self, data: Silver) -> DataFrame:
        """product_id of products that get a vector without interactions; those with only negative ones never do."""
        return data.products.select("product_id").where("false")

    def _feed(self, rows: DataFrame, n_files: int = 1) -> AbstractContextManager[Feed]:
        """The rows as a feed; one file is read by every worker."""
        return materialised(rows, n_files, self.training.backend, self.training.seed)

    def _start(self, customers: CustomerRows, feeds: ExitStack) -> Feed | None:
        """The initial vectors of products; None: random ones."""
        if self.training.initial == "random":
            return None
        rows = spectral_start(customers, self.settings.width, self.training.seed, self._n_workers())
        return feeds.enter_context(self._feed(rows))

    def _encoding(self, inputs: EncoderInputs) -> Encoding:
        """The encoder that this model learns."""
        raise NotImplementedError

    def _n_workers(self) -> int:
        return group_size(SparkSession.active(), self.training.workers, self.training.batch_size, _MIN_ROWS)

    def _train(
        self, spark: SparkSession, task: RecommendationTask, feed: Feed, customers: CustomerRows, data: Silver
    ) -> None:
        """Learns `weights_` and records `epochs_`."""
        own, training = self.settings, self.training
        config = TrainingConfig.of(
            training, epochs=own.epochs, learning_rate=own.learning_rate, weight_decay=training.weight_decay
        )
        metadata = {"model": self.name, "width": own.width, "n_items": len(customers.degrees)}
        on_epoch = None if data.on_epoch is None else partial(data.on_epoch, self.name)
        with ExitStack() as stack:
            validation = None
            if customers.validation is not None:
                if not customers.validation.head(1):
                    raise TooLittle(f"no customer has a new product in the last {training.validation_days} days")
                validation = stack.enter_context(self._feed(customers.validation, len(feed.files)))
            trained = train(spark, task, feed, config, validation, metadata, on_epoch)
        self.weights_, self.epochs_ = trained.weights, trained.epochs

    def network_weights(self) -> Weights | None:
        """The weights of the network."""
        return self.weights_

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

        Scores are cos(x, z) + temperature b for softmax, x · z + b for bpr.
        """
        if self.item_vectors_ is None:
            raise NotFitted(self)
        is_cosine = self.training.loss == "softmax"
        items = self.item_vectors_.select("product_id", "vector")
        items = (unit_vectors(items) if is_cosine else items).join(self.item_vectors_.drop("vector"), "product_id")
        bias = (F.col("bias") * (self.settings.temperature if is_cosine else 1.0)).cast("float")
        items = items.select("product_id", F.concat("vector", F.array(bias)).alias("vector"))
        histories = users.select("user_id", "product_ids", mask_of(users, self.mask_seen).alias("mask"))
        queries = customer_vectors(histories, self.item_vectors_, is_cosine).withColumnRenamed("user_id", "id")
        return top_k(queries, items, k).withColumnRenamed("id", "user_id")


def _named(vectors: DataFrame, customers: CustomerRows) -> DataFrame:
    """product_id, vector, bias, weight, kept by the executors."""
    codes = pa.array(np.arange(len(customers.degrees)), pa.int32())
    counts = pa.array(np.maximum(np.array(customers.degrees, np.float64), 1) ** -0.5)
    weights = vectors.sparkSession.createDataFrame(pa.table({"code": codes, "weight": counts}))
    named = vectors.join(customers.products, "code").join(weights, "code")
    return named.select("product_id", "vector", "bias", "weight").localCheckpoint()
