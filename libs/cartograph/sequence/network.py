"""What the networks share: products, event types and gaps as vectors, the losses over all products, validation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar, Literal

import torch
from pyspark import Broadcast
from torch import nn
from torch.nn import functional as N

from cartograph.core.training.feed import Batch
from cartograph.sequence.facts import N_PRICES, Facts
from cartograph.sequence.padded import N_GAPS, N_TYPES
from cartograph.sequence.softmax import full_softmax, sampled_softmax

_PARTS = 4  # of a batch: sequences of like length are padded together on processors; others wait for kernels to start
NOTHING = Facts()
_UNNAMED = 0.1  # of the products, in each training step: they are known by their content alone, as new ones are


@dataclass(frozen=True)
class Shape:
    """What a network is made of.

    Args:
        n_items: products it learns vectors of.
        n_new: products after those that it knows by their facts alone.
        content: length of the products' content vectors; 0: it is told of none.
        width: length of the vectors.
        depth: layers.
        heads: of attention.
        dropout: share of numbers that a training step leaves out.
        length: longest history.
        inputs: what it is told of an event besides its product: event_type, gap; and of a product: price, content.
        similarity: dot, or cosine: vectors have length one, and scores are divided by `temperature`.
        temperature: of cosine.
    """

    n_items: int
    n_new: int = 0
    content: int = 0
    width: int = 64
    depth: int = 2
    heads: int = 2
    dropout: float = 0.3
    length: int = 50
    inputs: tuple[str, ...] = ()
    similarity: Literal["dot", "cosine"] = "dot"
    temperature: float = 0.1


class SequenceNetwork(nn.Module):
    """Vectors of a history's events, through a body that sees no later event, to a vector per event.

    The score of a product to come next is the product of the last event's vector with the product's own, which is the
    one it is fed with too: one learned of each product, plus what its price and its content say of it.
    """

    price_classes: torch.Tensor
    content: torch.Tensor

    def __init__(self, shape: Shape, body: Callable[[Shape], nn.Module], facts: Facts = NOTHING) -> None:
        super().__init__()
        self.shape = shape
        self.items = nn.Embedding(shape.n_items + 1, shape.width, padding_idx=0)
        nn.init.trunc_normal_(self.items.weight, std=0.02 if shape.similarity == "dot" else shape.width**-0.5)
        with torch.no_grad():
            self.items.weight[0] = 0
        if "event_type" in shape.inputs:
            self.types = nn.Embedding(N_TYPES, shape.width)
            nn.init.zeros_(self.types.weight)
        if "gap" in shape.inputs:
            self.gaps = nn.Embedding(N_GAPS, shape.width)
            nn.init.zeros_(self.gaps.weight)
        n_known, told = shape.n_items + shape.n_new + 1, facts.tensors()
        if "price" in shape.inputs:
            self.prices = nn.Embedding(N_PRICES, shape.width)
            nn.init.zeros_(self.prices.weight)
            self.register_buffer("price_classes", told.get("prices", torch.zeros(n_known, dtype=torch.long)))
        if shape.content:
            self.of_content = nn.Linear(shape.content, shape.width, bias=False)
            self.register_buffer("content", told.get("content", torch.zeros(n_known, shape.content)))
        self.dropout = nn.Dropout(shape.dropout)
        self.body = body(shape)

    def forward(self, items: torch.Tensor, types: torch.Tensor, gaps: torch.Tensor) -> torch.Tensor:
        """Vectors of the events, as they are scored with: (rows, length) codes -> (rows, length, width)."""
        return self.read(self.given(self.products(), items, types, gaps))

    def products(self) -> torch.Tensor:
        """The vectors of all products by code, and of padding: (1 + n_items + n_new, width)."""
        vectors: torch.Tensor = self.items.weight
        if self.shape.content and self.training:
            vectors = vectors * (torch.rand(len(vectors), 1, device=vectors.device) >= _UNNAMED)
        if self.shape.n_new:
            vectors = N.pad(vectors, (0, 0, 0, self.shape.n_new))
        if "price" in self.shape.inputs:
            vectors = vectors + self.prices(self.price_classes)
        if self.shape.content:
            vectors = vectors + self.of_content(self.content)
        return vectors

    def given(
        self, products: torch.Tensor, items: torch.Tensor, types: torch.Tensor, gaps: torch.Tensor
    ) -> torch.Tensor:
        """Vectors of the events alone: (rows, length) codes -> (rows, length, width)."""
        vectors = N.embedding(items, products, padding_idx=0)
        if self.shape.similarity == "dot":
            vectors = vectors * self.shape.width**0.5
        if "event_type" in self.shape.inputs:
            vectors = vectors + self.types(types)
        if "gap" in self.shape.inputs:
            vectors = vectors + self.gaps(gaps)
        return vectors

    def read(self, vectors: torch.Tensor) -> torch.Tensor:
        """Vectors of the events after those before them: (rows, length, width) -> the same."""
        hidden: torch.Tensor = self.body(self.dropout(vectors))
        if self.shape.similarity == "dot":
            return hidden
        return N.normalize(hidden, dim=-1) / self.shape.temperature

    def scored(self, products: torch.Tensor) -> torch.Tensor:
        """What scores are products with: (n_items + n_new, width), the product of code 1 first."""
        return products[1:] if self.shape.similarity == "dot" else N.normalize(products[1:], dim=-1)

    def item_vectors(self) -> torch.Tensor:
        """What scores are products with, as the network is now: (n_items + n_new, width)."""
        return self.scored(self.products())

    def last(self, items: torch.Tensor, types: torch.Tensor, gaps: torch.Tensor, n: torch.Tensor) -> torch.Tensor:
        """The vector of each history's last event: (rows, width)."""
        width = int(n.max())
        hidden: torch.Tensor = self(items[:, :width], types[:, :width], gaps[:, :width])
        return hidden[torch.arange(len(n), device=n.device), n.long() - 1]

    def mean(self, items: torch.Tensor, types: torch.Tensor, gaps: torch.Tensor, n: torch.Tensor) -> torch.Tensor:
        """The mean of the vectors of each history's events: (rows, width)."""
        width = int(n.max())
        hidden: torch.Tensor = self(items[:, :width], types[:, :width], gaps[:, :width])
        inside = (torch.arange(width, device=n.device) < n[:, None]).to(hidden.dtype)
        return (hidden * inside[:, :, None]).sum(dim=1) / n[:, None]


@dataclass(frozen=True)
class NextItem:
    """Learns to tell each product of a history from the ones before it.

    Rows have items, types, gaps (length + 1 codes each) and n, how many of them count.

    Args:
        shape: of the network.
        body: makes what is between the vectors.
        smoothing: share of a target's certainty that is spread over all products (full softmax).
        n_sampled: products that a target is told from, drawn for each batch; 0: all there are.
        counts: how often each product was bought, in order of code, which they are drawn by.
        k: the validation metric is NDCG@k.
        facts: of the products, sent to each worker once; None: the network is told of none.
        digest: of the facts.
    """

    is_joint: ClassVar[bool] = False

    shape: Shape
    body: Callable[[Shape], nn.Module]
    smoothing: float = 0.0
    n_sampled: int = 0
    counts: tuple[int, ...] = ()
    k: int = 10
    facts: Broadcast[Facts] | None = field(default=None, repr=False)
    digest: str = ""

    @cached_property
    def _counts(self) -> torch.Tensor:
        """`counts` as floats, made once and not in every step."""
        return torch.tensor(self.counts, dtype=torch.float32)

    def network(self) -> SequenceNetwork:
        """The network with its first weights."""
        return SequenceNetwork(self.shape, self.body, self.facts.value if self.facts else NOTHING)

    def loss(self, network: nn.Module, batch: Batch) -> tuple[torch.Tensor, int]:
        """The sum of the cross entropies of all events but the first of each history, and how many there are."""
        assert isinstance(network, SequenceNetwork)
        products = network.products()
        hidden, targets = events_and_targets(network, batch, products)
        if not len(targets):
            return hidden.sum(), 0
        items = network.scored(products)[: self.shape.n_items]
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
        wanted = scores.gather(1, targets[:, None] - 1)
        shown = torch.cat([torch.full_like(scores[:, :1], -torch.inf), scores], dim=1)
        shown = shown.scatter(1, items.long(), -torch.inf)
        ranks = (shown > wanted).sum(dim=1) + 1
        gains = torch.where(ranks <= self.k, 1 / torch.log2(ranks + 1.0), 0.0)
        return float(gains.sum()), len(rows)


def events_and_targets(
    network: SequenceNetwork, batch: Batch, products: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Vectors of all events that another one follows, and what follows, counted from 0: (events, width), (events).

    Histories go through the network with others of like length, so that little of it is spent on padding.
    """
    order = torch.argsort(batch["n"], stable=True)
    longest = max(int(batch["n"].max()) - 1, 1)
    # Looked up once: each look-up costs a gradient as large as all products.
    vectors = network.given(products, *(batch[name][:, :longest] for name in ("items", "types", "gaps")))
    hidden, targets = [], []
    for rows in order.chunk(_PARTS if order.device.type == "cpu" else 1):
        width = max(int(batch["n"][rows].max()) - 1, 1)
        inside = torch.arange(width, device=rows.device) < batch["n"][rows, None] - 1
        hidden.append(network.read(vectors[rows, :width])[inside])
        targets.append(batch["items"][rows, 1 : width + 1][inside].long() - 1)
    return torch.cat(hidden), torch.cat(targets)
