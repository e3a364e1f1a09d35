"""What the networks share: from histories to a trained network, and from that to lists."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from typing import Any, ClassVar, Self

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from torch import nn

from cartograph.core.model import Model, NotFitted, Silver, TooLittle
from cartograph.core.search.topk import top_k
from cartograph.core.settings import settings_of
from cartograph.core.training.feed import materialised
from cartograph.core.training.settings import TrainingConfig
from cartograph.core.training.state import seconds_per_epoch
from cartograph.core.training.trainer import Epoch, Trained, train
from cartograph.core.training.weights import Weights
from cartograph.core.views.histories import histories
from cartograph.core.views.seen import mask_of
from cartograph.core.workers.groups import group_size
from cartograph.sequence.attribution import attributions
from cartograph.sequence.features import ProductFeatures, catalogue, features_of
from cartograph.sequence.fitted_network import FittedNetwork
from cartograph.sequence.network import NetworkConfig, NextItemTask
from cartograph.sequence.padded import events_of, padded_rows, windows
from cartograph.sequence.settings import (
    EVENTS,
    NetworkSettings,
    NetworkTables,
    SequenceSettings,
    SequenceTrainingSettings,
)

_LEAST_ROWS = 32  # of a worker's part of a step: with fewer it waits for the others more than it works


class SequenceModel(Model):
    """A network learns to predict each product of a history from the events before it, and so the next one.

    Args:
        settings: of the network.
        training: settings that the networks share.
        event_types: events that count.
        tables: which tables there are beside the lists.
        mask_seen: never recommend what the customer has seen (`core.views.seen`).
        changed: single settings of the network or of `training`, by name.
    """

    settings_class: ClassVar[type[NetworkSettings]] = NetworkSettings
    body: Callable[[NetworkConfig], nn.Module]  # of the network, by each model

    def __init__(
        self,
        settings: NetworkSettings | None = None,
        *,
        training: SequenceTrainingSettings | None = None,
        event_types: tuple[str, ...] = EVENTS,
        tables: NetworkTables | None = None,
        mask_seen: bool = True,
        **changed: Any,
    ) -> None:
        shared = {name: changed.pop(name) for name in SequenceTrainingSettings.model_fields if name in changed}
        self.settings = settings_of(self.settings_class, settings, changed)
        self.training = settings_of(SequenceTrainingSettings, training, shared)
        self.event_types = event_types
        self.tables = tables or NetworkTables()
        self.mask_seen = mask_seen
        enabled = {
            "gold.user_vectors": self.tables.customer_vectors,
            "gold.attributions": self.tables.attributed_products > 0,
        }
        self.artifact_tables = tuple(name for name, is_enabled in enabled.items() if is_enabled)
        self.network_: FittedNetwork | None = None
        self.epochs_: list[Epoch] = []

    @classmethod
    def configured(cls, section: SequenceSettings, **changed: Any) -> Self:
        """The model as the section describes it."""
        own: NetworkSettings = getattr(section, cls.name)
        return cls(own, training=section.training, event_types=section.event_types, tables=section, **changed)

    def fit(self, data: Silver) -> Self:
        """Learns `network_`; `epochs_` are the metrics of each epoch.

        Raises:
            TooLittle: no customer has two events; or content is an input, and no product has a vector.
            TooFewSlots: fewer free cores than the group has workers.
        """
        context = data.events.sparkSession.sparkContext
        events = self._counting(data.events)
        known = histories(events, self.training.newest)
        products = self._products(data, events, known)
        product_ids = products["product_id"].combine_chunks()
        features = features_of(data, product_ids, self.training.inputs)
        counts = products["n"].filter(pc.greater(products["n"], 0)).to_pylist()
        config = NetworkConfig.of(
            self.settings, n_items=len(counts), n_new=len(products) - len(counts), content=features.width,
            length=self.training.max_length, inputs=self.training.inputs,
        )  # fmt: skip
        task = self._task(config, counts, features, context)
        events = windows(events_of(known, self.event_types), config.length)
        rows = padded_rows(events, context.broadcast(product_ids), config.length + 1).where("n > 1").persist()
        on_epoch = partial(data.on_epoch, self.name) if data.on_epoch else None
        trained = self._trained(task, rows, on_epoch)
        rows.unpersist()
        self.network_ = FittedNetwork(trained.weights, product_ids, config, type(self).body)
        self.epochs_ = trained.epochs
        return self

    def _counting(self, events: DataFrame) -> DataFrame:
        """The events that histories are made of; a session of a guest is the history of a customer of its own."""
        counting = events.where(F.col("event_type").isin(*self.event_types))
        if self.training.guests:
            session = F.concat(F.lit("session "), "session_id")
            counting = counting.withColumn("user_id", F.coalesce("user_id", session))
        return counting.where("user_id IS NOT NULL")

    def _products(self, data: Silver, events: DataFrame, known: DataFrame) -> pa.Table:
        """The products that are modelled, see `catalogue`.

        Raises:
            TooLittle: there are none.
        """
        unmet = None  # products without events; those with events that are in no history are disliked
        if "content" in self.training.inputs and data.vectors is not None:
            unmet = data.vectors.join(events.select("product_id").distinct(), "product_id", "left_anti")
        learned = known.select(F.explode("product_ids").alias("product_id"))
        products = catalogue(learned, unmet, self.training.max_products)
        if not products.num_rows:
            raise TooLittle("no history has events of its event_types")
        return products

    def _task(self, config: NetworkConfig, counts: list[int], features: ProductFeatures, context: Any) -> NextItemTask:
        """What the network is trained for."""
        is_sampled = self.training.loss == "sampled"
        return NextItemTask(
            config, type(self).body, smoothing=0.0 if is_sampled else self.settings.smoothing,
            n_sampled=self.training.n_sampled if is_sampled else 0, counts=tuple(counts) if is_sampled else (),
            features=context.broadcast(features), digest=features.digest,
        )  # fmt: skip

    def _trained(self, task: NextItemTask, rows: DataFrame, on_epoch: Callable[[Epoch], None] | None) -> Trained:
        """The network trained on windows of histories, the last product of some of them held out for validation."""
        spark, own, shared = rows.sparkSession, self.settings, self.training
        config = TrainingConfig.of(
            shared, epochs=own.epochs, learning_rate=own.learning_rate, weight_decay=own.weight_decay
        )
        n_workers = group_size(spark, shared.workers, shared.batch_size, _LEAST_ROWS)
        sampled = F.pmod(F.xxhash64("user_id", F.lit(shared.seed)), F.lit(1_000_000)) < shared.validation_share * 1e6
        held_out = sampled & F.col("is_newest") & (F.col("n") > 2)
        training = rows.select("items", "types", "gaps", (F.col("n") - held_out.cast("int")).alias("n"))
        if not training.head(1):
            raise TooLittle("no customer has two events of known products to learn from")
        validation = rows.where(held_out).select("items", "types", "gaps", "n")
        with ExitStack() as feeds:
            feed = feeds.enter_context(materialised(training, n_workers, shared.backend, shared.seed))
            validated = None
            if shared.validation_share and validation.head(1):
                validated = feeds.enter_context(materialised(validation, n_workers, shared.backend, shared.seed))
            else:
                config = config.model_copy(update={"patience": 0})
            metadata = {"model": self.name, **dict(task.config)}
            return train(spark, task, feed, config, validated, metadata, on_epoch)

    @property
    def seconds_per_epoch_(self) -> float | None:
        """The mean over all epochs but the first, which warms up."""
        return seconds_per_epoch(self.epochs_)

    def associate(self, k: int) -> DataFrame:
        """The next products after a single purchase: product_id, associated_product_id, score, rank."""
        spark = SparkSession.active()
        alone = spark.createDataFrame(pa.table({"user_id": self._fitted().product_ids})).select(
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
        return self._fitted().user_vectors(users, self.event_types, "mean").drop("mask")

    def artifacts(self, users: DataFrame, lists: DataFrame) -> Mapping[str, DataFrame]:
        """gold.user_vectors and gold.attributions, those that are enabled."""
        made: dict[str, DataFrame] = {}
        if self.tables.customer_vectors:
            made["gold.user_vectors"] = self.user_vectors(users)
        if self.tables.attributed_products:
            first = lists.where(F.col("rank") <= self.tables.attributed_places)
            n_products = self.tables.attributed_products
            made["gold.attributions"] = attributions(self._fitted(), users, first, self.event_types, n_products)
        return made

    def network_weights(self) -> Weights | None:
        """The trained weights; None before `fit`."""
        return None if self.network_ is None else self.network_.weights

    def _lists(self, users: DataFrame, k: int, mask_seen: bool) -> DataFrame:
        network = self._fitted()
        asked = users.withColumn("mask", mask_of(users, mask_seen))
        queries = network.user_vectors(asked, self.event_types, "last").withColumnRenamed("user_id", "id")
        return top_k(queries, network.item_vectors(users.sparkSession), k)

    def _fitted(self) -> FittedNetwork:
        if self.network_ is None:
            raise NotFitted(self)
        return self.network_
