"""Vectors of products by graph convolutions, from their features and those of their neighbours."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import nn
from torch.nn import functional as N

from cartograph.core.training.feed import Feed, everything
from cartograph.core.views.descriptions import N_FEATURES
from cartograph.graph.networks.gat_layer import GatLayer
from cartograph.graph.networks.gcn_layer import GcnLayer
from cartograph.graph.networks.initial_vectors import first_vectors
from cartograph.graph.networks.sparse import Csr, entries_of, normalised
from cartograph.graph.settings import GatSettings, GcnSettings


@dataclass(frozen=True)
class ProductEncoding:
    """What an encoder is built from.

    Args:
        settings: of gcn or gat, which also choose the convolution.
        n_items: number of products.
        vector_width: dimension of the vectors among the features; 0: there are none.
        own: codes of products that have a learned vector of their own besides their features.
        digest: identifies the graph and the features.
        edges: rows src, dst, weight, each edge in both directions; None: no edges.
        features: rows code, words (hashed, -1 after the last) and, if there are any, vector.
        start: rows of `initial_vectors.spectral_start`; None: own vectors are initialised at random.
    """

    settings: GcnSettings
    n_items: int
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
        weights = edges["weight"] / edges["weight"].float().mean()  # The mean edge has the weight of a self-loop.
        graph = normalised(edges["src"], edges["dst"], weights, self.n_items)
        return ProductEncoder(self, graph, mean_of_words(features["words"][order]), vectors)


def mean_of_words(words: torch.Tensor) -> Csr:
    """The matrix that averages the vectors of each product's words: (products, words per product), -1 for none."""
    rows, codes = entries_of(words)
    counts = torch.bincount(rows, minlength=len(words))
    starts = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
    return Csr(starts, codes.long(), 1.0 / counts[rows])


class ProductEncoder(nn.Module):
    """x = words + vectors + own vector; z = (x + h_1 + … + h_depth) / (depth + 1), h_l = σ(convolution of h_(l-1)).

    All layers are averaged, as in jumping knowledge networks (Xu et al. 2018); the last one has no activation σ.
    """

    has_own: torch.Tensor

    def __init__(self, encoding: ProductEncoding, graph: Csr, word_means: Csr, vectors: torch.Tensor | None) -> None:
        super().__init__()
        settings = encoding.settings
        self.settings = settings
        self.n_items = encoding.n_items
        self.graph = graph
        self.own = first_vectors(encoding.n_items, settings.width, encoding.start) if encoding.own else None
        has_own = torch.zeros(encoding.n_items, dtype=torch.bool)
        has_own[list(encoding.own)] = True
        self.register_buffer("has_own", has_own, persistent=False)
        self.word_means = word_means
        self.words = nn.Parameter(torch.empty(N_FEATURES, settings.width))
        nn.init.normal_(self.words, std=0.1)
        self.register_buffer("vectors", vectors, persistent=False)
        self.linear = nn.Linear(encoding.vector_width, settings.width, bias=False) if encoding.vector_width else None
        is_spectral = encoding.start is not None
        self.layers = nn.ModuleList([_layer(settings, is_spectral) for _ in range(settings.depth)])

    def forward(self, nodes: torch.Tensor | None = None) -> torch.Tensor:
        """Vectors of the products with codes `nodes`, each once; None: of all products."""
        device = self.words.device
        self.graph, self.word_means = self.graph.to(device), self.word_means.to(device)
        if nodes is None or not (self.training and self.settings.fanout):
            every = torch.arange(self.n_items, device=device)
            vectors = self._through(every, [self.graph] * self.settings.depth)
            return vectors if nodes is None else vectors[nodes]
        blocks: list[Csr] = []
        for _ in self.layers:
            nodes, block = sampled_block(self.graph, nodes, self.settings.fanout)
            blocks.insert(0, block)
        return self._through(nodes, blocks)

    def _through(self, nodes: torch.Tensor, blocks: list[Csr]) -> torch.Tensor:
        """The vectors of the last block's outputs; outputs of a block are the first of its inputs."""
        is_new = torch.rand(len(nodes), device=nodes.device) < (self.settings.cold_share if self.training else 0.0)
        hidden = self._inputs(nodes, is_new)
        kept = [hidden]
        for place, (layer, block) in enumerate(zip(self.layers, blocks, strict=True)):
            n_in, n_out = len(hidden), len(block.starts) - 1
            hidden = layer(N.dropout(hidden, self.settings.dropout, self.training), block.without(is_new[:n_in]))
            hidden = hidden if place == len(blocks) - 1 else N.elu(hidden)
            kept = [one[:n_out] for one in kept] + [hidden]
        return torch.stack(kept).mean(dim=0)

    def _inputs(self, nodes: torch.Tensor, is_new: torch.Tensor) -> torch.Tensor:
        """x of some products; those treated as new have no vector of their own."""
        given = self.word_means.at(nodes).times(self.words)
        if self.own is not None:
            used = self.has_own[nodes] & ~is_new
            given = given + torch.where(used[:, None], self.own[nodes], 0.0)
        if self.linear is not None:
            given = given + self.linear(self.vectors[nodes])  # type: ignore[index]
        return given


def _layer(settings: GcnSettings, is_spectral: bool) -> nn.Module:
    """A convolution. With spectral initial vectors it starts as the identity, so that their directions are kept."""
    width = settings.width
    if isinstance(settings, GatSettings):
        layer: GatLayer | GcnLayer = GatLayer(width, width, settings.heads, settings.dropout)
    else:
        layer = GcnLayer(width, width)
    if is_spectral:
        nn.init.eye_(layer.linear.weight)
    return layer


def sampled_block(graph: Csr, nodes: torch.Tensor, fanout: int) -> tuple[torch.Tensor, Csr]:
    """Neighbours sampled for `nodes`: all nodes needed, `nodes` first, and their rows with columns among these."""
    block = graph.sampled(nodes, fanout)
    is_known = torch.zeros(len(graph.starts) - 1, dtype=torch.bool, device=nodes.device)
    is_known[nodes] = True
    found = torch.unique(block.columns)
    needed = torch.cat([nodes, found[~is_known[found]]])
    places = torch.empty(len(graph.starts) - 1, dtype=torch.int64, device=nodes.device)
    places[needed] = torch.arange(len(needed), device=nodes.device)
    return needed, Csr(block.starts, places[block.columns], block.values)
