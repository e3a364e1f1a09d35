"""A trained network with the products it knows: states of customers' histories and vectors of products."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import pyarrow as pa
import torch
from pyspark.sql import DataFrame, SparkSession
from torch import nn

from cartograph.core.search.topk import vectors_of
from cartograph.core.training.weights import Weights
from cartograph.sequence.network import NetworkConfig, SequenceNetwork
from cartograph.sequence.padded import events_of, padded_rows

_ROWS_PER_BLOCK = 512  # histories that a task scores together


@dataclass(frozen=True)
class FittedNetwork:
    """The result of training: weights, the products in order of their codes, and how the network is made."""

    weights: Weights
    product_ids: pa.Array
    config: NetworkConfig
    body: Callable[[NetworkConfig], nn.Module]

    def restored(self) -> SequenceNetwork:
        """The network with its weights, in evaluation mode."""
        return restored(self.weights, self.config, self.body)

    def user_vectors(self, users: DataFrame, event_types: tuple[str, ...], of: Literal["last", "mean"]) -> DataFrame:
        """One row per customer with known products: user_id, mask (that of `users`), vector.

        Args:
            users: histories, as `Model.recommend` takes them.
            event_types: events that count.
            of: the state after the last event, or the mean of the states after all events.
        """
        context = users.sparkSession.sparkContext
        ids, weights = context.broadcast(self.product_ids), context.broadcast(self.weights)
        rows = padded_rows(events_of(users, event_types), ids, self.config.length)
        work = partial(_states, weights=weights, config=self.config, body=self.body, of=of)
        return rows.mapInArrow(work, "user_id string, mask array<string>, vector array<float>")

    def item_vectors(self, spark: SparkSession) -> DataFrame:
        """The vectors that states are scored with: product_id, vector."""
        vectors = _lists_of(self.restored().item_vectors().detach())
        return spark.createDataFrame(pa.table({"product_id": self.product_ids, "vector": vectors}))


def restored(weights: Weights, config: NetworkConfig, body: Callable[[NetworkConfig], nn.Module]) -> SequenceNetwork:
    """The network with those weights, in evaluation mode."""
    network = SequenceNetwork(config, body)
    network.load_state_dict(weights.tensors())
    return network.eval()


def _states(
    batches: Iterable[pa.RecordBatch],
    weights: Any,
    config: NetworkConfig,
    body: Callable[[NetworkConfig], nn.Module],
    of: str,
) -> Iterator[pa.RecordBatch]:
    """States of the histories of each batch: user_id, mask, vector."""
    network: SequenceNetwork | None = None
    torch.set_num_threads(1)
    for batch in batches:
        network = network or restored(weights.value, config, body)
        for start in range(0, batch.num_rows, _ROWS_PER_BLOCK):
            rows = batch.slice(start, _ROWS_PER_BLOCK)
            items, types, gaps = (_matrix(rows.column(name), config.length) for name in ("items", "types", "gaps"))
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
