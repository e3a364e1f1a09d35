"""What the networks share: embeddings of products, event types and gaps, losses and the validation metric."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, Self

import torch
from pydantic import Field
from pyspark import Broadcast
from torch import nn
from torch.nn import functional as N

from cartograph.core.settings import Count, Positive
from cartograph.core.training.feed import Batch
from cartograph.sequence.features import N_PRICES, ProductFeatures
from cartograph.sequence.padded import N_GAPS, N_TYPES
from cartograph.sequence.settings import ArchitectureSettings, Input, NetworkSettings
from cartograph.sequence.softmax import full_softmax, sampled_softmax

# Sequences of similar length are padded together on CPUs, a batch in this many parts; on GPUs more kernels cost more.
_PARTS = 4
NO_FEATURES = ProductFeatures()
# Share of the products that a training step knows by their content alone, as it will know new ones.
_ID_DROPOUT = 0.1


class NetworkConfig(ArchitectureSettings):
    """How a network is made: its settings, and what follows from the data."""

    n_items: Positive = Field(description="products with a learned embedding")
    n_new: Count = Field(default=0, description="products after those that are known by their features alone")
    content: Count = Field(default=0, description="dimension of the products' content vectors; 0: there are none")
    length: Positive = Field(default=50, description="events of a history, at most")
    inputs: tuple[Input, ...] = Field(default=(), description="features beside the product")
    heads: Positive = Field(default=1, description="of attention")

    @classmethod
    def of(cls, settings: NetworkSettings, **of_data: Any) -> Self:
        """The configuration of a network with those settings, for the data described by the other fields."""
        own = type(settings).model_fields
        return cls(**{name: getattr(settings, name) for name in cls.model_fields if name in own}, **of_data)


class SequenceNetwork(nn.Module):
    """Embeds a history's events and turns them, through a body that sees no later event, into a state per event.

    The score of a product to come next is the dot product of the last event's state and the product's vector. The same
    vector is the network's input: a learned embedding, plus those of the product's price and content.
    """

    price_classes: torch.Tensor
    content: torch.Tensor

    def __init__(
        self, config: NetworkConfig, body: Callable[[NetworkConfig], nn.Module], features: ProductFeatures = NO_FEATURES
    ) -> None:
        super().__init__()
        self.config = config
        self.items = nn.Embedding(config.n_items + 1, config.width, padding_idx=0)
        nn.init.trunc_normal_(self.items.weight, std=0.02 if config.similarity == "dot" else config.width**-0.5)
        with torch.no_grad():
            self.items.weight[0] = 0
        if "event_type" in config.inputs:
            self.types = nn.Embedding(N_TYPES, config.width)
            nn.init.zeros_(self.types.weight)
        if "gap" in config.inputs:
            self.gaps = nn.Embedding(N_GAPS, config.width)
            nn.init.zeros_(self.gaps.weight)
        n_known, tensors = config.n_items + config.n_new + 1, features.tensors()
        if "price" in config.inputs:
            self.prices = nn.Embedding(N_PRICES, config.width)
            nn.init.zeros_(self.prices.weight)
            self.register_buffer("price_classes", tensors.get("prices", torch.zeros(n_known, dtype=torch.long)))
        if config.content:
            self.of_content = nn.Linear(config.content, config.width, bias=False)
            self.register_buffer("content", tensors.get("content", torch.zeros(n_known, config.content)))
        self.dropout = nn.Dropout(config.dropout)
        self.body = body(config)

    def forward(self, items: torch.Tensor, types: torch.Tensor, gaps: torch.Tensor) -> torch.Tensor:
        """States of the events: (rows, length) codes -> (rows, length, width)."""
        return self.states(self.embedded(self.products(), items, types, gaps))

    def products(self) -> torch.Tensor:
        """The vectors of all products by code, and of padding: (1 + n_items + n_new, width)."""
        vectors: torch.Tensor = self.items.weight
        if self.config.content and self.training:
            vectors = vectors * (torch.rand(len(vectors), 1, device=vectors.device) >= _ID_DROPOUT)
        if self.config.n_new:
            vectors = N.pad(vectors, (0, 0, 0, self.config.n_new))
        if "price" in self.config.inputs:
            vectors = vectors + self.prices(self.price_classes)
        if self.config.content:
            vectors = vectors + self.of_content(self.content)
        return vectors

    def embedded(
        self, products: torch.Tensor, items: torch.Tensor, types: torch.Tensor, gaps: torch.Tensor
    ) -> torch.Tensor:
        """Embeddings of the events alone: (rows, length) codes -> (rows, length, width)."""
        vectors = N.embedding(items, products, padding_idx=0)
        if self.config.similarity == "dot":
            vectors = vectors * self.config.width**0.5
        if "event_type" in self.config.inputs:
            vectors = vectors + self.types(types)
        if "gap" in self.config.inputs:
            vectors = vectors + self.gaps(gaps)
        return vectors

    def states(self, vectors: torch.Tensor) -> torch.Tensor:
        """States of the events, each from no later one: (rows, length, width) -> the same."""
        hidden: torch.Tensor = self.body(self.dropout(vectors))
        if self.config.similarity == "dot":
            return hidden
        return N.normalize(hidden, dim=-1) / self.config.temperature

    def scored(self, products: torch.Tensor) -> torch.Tensor:
        """The vectors that states are scored with: (n_items + n_new, width), the product of code 1 first."""
        return products[1:] if self.config.similarity == "dot" else N.normalize(products[1:], dim=-1)

    def item_vectors(self) -> torch.Tensor:
        """The vectors that states are scored with, by the present weights: (n_items + n_new, width)."""
        return self.scored(self.products())

    def last(self, items: torch.Tensor, types: torch.Tensor, gaps: torch.Tensor, n: torch.Tensor) -> torch.Tensor:
        """The state after each history's last event: (rows, width)."""
        width = int(n.max())
        hidden: torch.Tensor = self(items[:, :width], types[:, :width], gaps[:, :width])
        return hidden[torch.arange(len(n), device=n.device), n.long() - 1]

    def mean(self, items: torch.Tensor, types: torch.Tensor, gaps: torch.Tensor, n: torch.Tensor) -> torch.Tensor:
        """The mean of the states of each history's events: (rows, width)."""
        width = int(n.max())
        hidden: torch.Tensor = self(items[:, :width], types[:, :width], gaps[:, :width])
        inside = (torch.arange(width, device=n.device) < n[:, None]).to(hidden.dtype)
        return (hidden * inside[:, :, None]).sum(dim=1) / n[:, None]


@dataclass(frozen=True)
class NextItemTask:
    """Learns to predict each product of a history from the events before it.

    Rows have items, types, gaps (length + 1 codes each) and n, how many of them count.

    Args:
        config: of the network.
        body: makes the layers between the embeddings and the states.
        smoothing: label smoothing (full softmax).
        n_sampled: negative samples of a batch; 0: the softmax is over all products.
        counts: events of each product, in order of code: negatives are sampled in proportion.
        k: the validation metric is NDCG@k.
        features: of the products, broadcast; None: there are none.
        digest: of the features.
    """

    is_joint: ClassVar[bool] = False

    config: NetworkConfig
    body: Callable[[NetworkConfig], nn.Module]
    smoothing: float = 0.0
    n_sampled: int = 0
    counts: tuple[int, ...] = ()
    k: int = 10
    features: Broadcast[ProductFeatures] | None = field(default=None, repr=False)
    digest: str = ""

    @cached_property
    def _counts(self) -> torch.Tensor:
        """`counts` as floats, made once instead of in every step."""
        return torch.tensor(self.counts, dtype=torch.float32)

    def network(self) -> SequenceNetwork:
        """The network with initial weights."""
        return SequenceNetwork(self.config, self.body, self.features.value if self.features else NO_FEATURES)

    def loss(self, network: nn.Module, batch: Batch) -> tuple[torch.Tensor, int]:
        """The sum of the cross entropies of all events but the first of each history, and how many there are."""
        assert isinstance(network, SequenceNetwork)
        products = network.products()
        hidden, targets = events_and_targets(network, batch, products)
        if not len(targets):
            return hidden.sum(), 0
        items = network.scored(products)[: self.config.n_items]
        if self.n_sampled:
            loss = sampled_softmax(hidden, targets, items, self.n_sampled, self._counts)
        else:
            loss = full_softmax(hidden, targets, items, self.smoothing)
        return loss, len(targets)

    def quality(self, network: nn.Module, batch: Batch) -> tuple[float, int]:
        """The sum of NDCG@k of each history's last product among all that are not in the history, and how many."""
        assert isinstance(network, SequenceNetwork)
        rows, before = torch.arange(len(batch["n"]), device=batch["n"].device), batch["n"].long() - 1
        targets = batch["items"][rows, before].long()
        items, types, gaps = (batch[name][:, :-1] for name in ("items", "types", "gaps"))
        items = torch.where(torch.arange(items.shape[1], device=items.device) < before[:, None], items, 0)
        scores = network.last(items, types, gaps, before) @ network.item_vectors().T
        target_scores = scores.gather(1, targets[:, None] - 1)
        candidate_scores = torch.cat([torch.full_like(scores[:, :1], -torch.inf), scores], dim=1)
        candidate_scores = candidate_scores.scatter(1, items.long(), -torch.inf)
        ranks = (candidate_scores > target_scores).sum(dim=1) + 1
        gains = torch.where(ranks <= self.k, 1 / torch.log2(ranks + 1.0), 0.0)
        return float(gains.sum()), len(rows)


def events_and_targets(
    network: SequenceNetwork, batch: Batch, products: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """States of all events that have a next one, and its product, counted from 0: (events, width), (events).

    Histories of similar length go through the network together, so that little time is spent on padding.
    """
    order = torch.argsort(batch["n"], stable=True)
    longest = max(int(batch["n"].max()) - 1, 1)
    # One lookup for all parts: the gradient of each is as large as the embedding table.
    vectors = network.embedded(products, *(batch[name][:, :longest] for name in ("items", "types", "gaps")))
    hidden, targets = [], []
    for rows in order.chunk(_PARTS if order.device.type == "cpu" else 1):
        width = max(int(batch["n"][rows].max()) - 1, 1)
        inside = torch.arange(width, device=rows.device) < batch["n"][rows, None] - 1
        hidden.append(network.states(vectors[rows, :width])[inside])
        targets.append(batch["items"][rows, 1 : width + 1][inside].long() - 1)
    return torch.cat(hidden), torch.cat(targets)
