"""Vectors of products by graph convolutions: from what is told of them, and from those they go with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import nn
from torch.nn import functional as N

from cartograph.core.training.feed import Feed, everything
from cartograph.core.views.descriptions import N_FEATURES
from cartograph.graph.gat_layer import GatLayer
from cartograph.graph.gcn_layer import GcnLayer
from cartograph.graph.sparse import Csr, normalised
from cartograph.graph.start import first_vectors


@dataclass(frozen=True)
class ProductEncoding:
    """What an encoder is made of.

    Args:
        convolution: gcn or gat.
        n_items: products.
        width: length of the vectors.
        depth: convolutions.
        heads: of attention.
        dropout: share of numbers that a training step leaves out.
        cold_share: share of products that a training step treats as new: without edges and a vector of their own, so
            that the encoder learns to do with what is told of them.
        fanout: neighbours drawn per product and convolution in training; 0: the whole graph is computed in each step.
        vector_width: of the vectors that products come with; 0: they have none.
        own: codes of products that have a vector of their own, learned besides what is told of them.
        digest: tells the graph and the features apart from others.
        edges: rows src, dst, weight, each edge both ways.
        features: rows code, words (hashed, -1 after the last) and, where there are some, vector.
        start: rows of `start.spectral_start`; None: own vectors start at random.
    """

    convolution: Literal["gcn", "gat"]
    n_items: int
    width: int
    depth: int
    heads: int
    dropout: float
    cold_share: float
    fanout: int
    vector_width: int
    own: tuple[int, ...] = field(repr=False)
    digest: str
    edges: Feed | None = field(repr=False)
    features: Feed = field(repr=False)
    start: Feed | None = field(default=None, repr=False)

    def module(self) -> ProductEncoder:
        """The encoder with its first weights; it reads the whole graph."""
        nothing = torch.zeros(0, dtype=torch.int64)
        edges = everything(self.edges) if self.edges else {"src": nothing, "dst": nothing, "weight": nothing}
        features = everything(self.features)
        order = torch.argsort(features["code"])
        vectors = features["vector"][order] if self.vector_width else None
        weights = edges["weight"] / edges["weight"].float().mean()  # the mean edge counts as a product itself does
        graph = normalised(edges["src"], edges["dst"], weights, self.n_items)
        return ProductEncoder(self, graph, mean_of_words(features["words"][order]), vectors)


def mean_of_words(words: torch.Tensor) -> Csr:
    """A row per product, which makes of vectors of words the mean of its own: (products, length), -1 for none."""
    inside = words >= 0
    rows = torch.arange(len(words))[:, None].expand_as(words)[inside]
    counts = inside.sum(1)
    starts = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
    return Csr(starts, words[inside].long(), 1.0 / counts[rows])


class ProductEncoder(nn.Module):
    """x = words + vectors + own vector; z = (x + h_1 + … + h_depth) / (depth + 1), h_l = σ(convolution of h_(l-1)).

    All layers count, as in jumping knowledge networks (Xu et al. 2018); the last is not bent by σ.
    """

    has_own: torch.Tensor

    def __init__(self, made: ProductEncoding, graph: Csr, told: Csr, vectors: torch.Tensor | None) -> None:
        super().__init__()
        self.made = made
        self.graph = graph
        self.own = first_vectors(made.n_items, made.width, made.start) if made.own else None
        has_own = torch.zeros(made.n_items, dtype=torch.bool)
        has_own[list(made.own)] = True
        self.register_buffer("has_own", has_own, persistent=False)
        self.told = told
        self.words = nn.Parameter(torch.empty(N_FEATURES, made.width))
        nn.init.normal_(self.words, std=0.1)
        self.register_buffer("vectors", vectors, persistent=False)
        self.linear = nn.Linear(made.vector_width, made.width, bias=False) if made.vector_width else None
        self.layers = nn.ModuleList([self._layer() for _ in range(made.depth)])

    def _layer(self) -> nn.Module:
        made = self.made
        gat = made.convolution == "gat"
        layer = GatLayer(made.width, made.width, made.heads, made.dropout) if gat else GcnLayer(made.width, made.width)
        if made.start is not None:  # a mean of neighbours' vectors points somewhere as long as nothing turns it
            nn.init.eye_(layer.linear.weight)
        return layer

    def forward(self, nodes: torch.Tensor | None = None) -> torch.Tensor:
        """Vectors of the products with codes `nodes`, each once; None: of all products."""
        device = self.words.device
        self.graph, self.told = self.graph.to(device), self.told.to(device)
        if nodes is None or not (self.training and self.made.fanout):
            every = torch.arange(self.made.n_items, device=device)
            made = self._through(every, [self.graph] * self.made.depth)
            return made if nodes is None else made[nodes]
        blocks: list[Csr] = []
        for _ in self.layers:
            nodes, block = drawn_block(self.graph, nodes, self.made.fanout)
            blocks.insert(0, block)
        return self._through(nodes, blocks)

    def _through(self, nodes: torch.Tensor, blocks: list[Csr]) -> torch.Tensor:
        """The vectors of the last block's outputs; outputs of a block are the first of its inputs."""
        is_new = torch.rand(len(nodes), device=nodes.device) < (self.made.cold_share if self.training else 0.0)
        hidden = self._inputs(nodes, is_new)
        kept = [hidden]
        for place, (layer, block) in enumerate(zip(self.layers, blocks, strict=True)):
            n_in, n_out = len(hidden), len(block.starts) - 1
            hidden = layer(N.dropout(hidden, self.made.dropout, self.training), block.without(is_new[:n_in]))
            hidden = hidden if place == len(blocks) - 1 else N.elu(hidden)
            kept = [one[:n_out] for one in kept] + [hidden]
        return torch.stack(kept).mean(dim=0)

    def _inputs(self, nodes: torch.Tensor, is_new: torch.Tensor) -> torch.Tensor:
        """x of some products; those that are new have no vector of their own."""
        given = self.told.at(nodes).times(self.words)
        if self.own is not None:
            used = self.has_own[nodes] & ~is_new
            given = given + torch.where(used[:, None], self.own[nodes], 0.0)
        if self.linear is not None:
            given = given + self.linear(self.vectors[nodes])  # type: ignore[index]
        return given


def drawn_block(graph: Csr, nodes: torch.Tensor, fanout: int) -> tuple[torch.Tensor, Csr]:
    """Neighbours drawn for `nodes`: all nodes needed, `nodes` first, and the rows of these with columns among them."""
    block = graph.drawn(nodes, fanout)
    is_known = torch.zeros(len(graph.starts) - 1, dtype=torch.bool, device=nodes.device)
    is_known[nodes] = True
    found = torch.unique(block.columns)
    needed = torch.cat([nodes, found[~is_known[found]]])
    places = torch.empty(len(graph.starts) - 1, dtype=torch.int64, device=nodes.device)
    places[needed] = torch.arange(len(needed), device=nodes.device)
    return needed, Csr(block.starts, places[block.columns], block.values)
