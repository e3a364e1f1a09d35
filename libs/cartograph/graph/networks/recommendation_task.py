"""The task of networks over products: to rank what customers have above what they do not have."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Protocol, Self

import torch
from torch import nn
from torch.nn import functional as N

from cartograph.core.training.feed import Batch
from cartograph.graph.networks.sparse import Csr, entries_of
from cartograph.graph.settings import GraphTrainingSettings

_NEVER = -1e4  # A score that adds nothing; minus infinity has no gradient if a customer has all sampled products.


class Encoding(Protocol):
    """Builds an encoder: a module that returns vectors of the products with given codes, or of all."""

    def module(self) -> nn.Module:
        """The encoder with its first weights."""


class ProductNetwork(nn.Module):
    """An encoder, whose vectors of all products are computed once in evaluation mode.

    `shares` are 1 / √d of the products, their weights in a customer; `touched` the codes of products with customers;
    `biases` are added to the scores of products for all customers: the network learns them, or they are 0.
    """

    shares: torch.Tensor
    touched: torch.Tensor
    biases: torch.Tensor

    def __init__(self, encoder: nn.Module, degrees: tuple[int, ...] = (), biased: bool = False) -> None:
        super().__init__()
        self.encoder = encoder
        counts = torch.tensor(degrees)
        self.register_buffer("shares", counts.clamp(min=1) ** -0.5, persistent=False)
        self.register_buffer("touched", torch.nonzero(counts)[:, 0], persistent=False)
        if biased:
            self.biases = nn.Parameter(torch.zeros(len(degrees)))
        else:
            self.register_buffer("biases", torch.zeros(len(degrees)), persistent=False)
        self._kept: torch.Tensor | None = None

    def train(self, mode: bool = True) -> Self:
        """Discards the cached vectors, as weights may change now."""
        self._kept = None
        return super().train(mode)

    def all_vectors(self) -> torch.Tensor:
        """(products, width)."""
        vectors: torch.Tensor = self.encoder() if self._kept is None else self._kept
        self._kept = None if self.training else vectors
        return vectors


@dataclass(frozen=True)
class RecommendationTask:
    """Learns to predict each product of a customer from the customer's other products.

    A customer with the products H is represented, when product i is predicted, by x_i = Σ_{j in H, j ≠ i} z_j / √d_j,
    d being the number of customers, as in FISM (Kabbur, Ning and Karypis 2013): a product never predicts itself, and
    new customers need no training. Rows have items (codes, -1 after the last). Losses:

    - softmax: -ln of the share of exp(cos(x_i, z_i) / temperature + b_i) in the sum with up to `n_negatives` products k
      sampled for the batch (sampled softmax: Wu et al. 2022), with exp(cos(x, z_k) / temperature + b_k) each, x being
      the sum of all products of the customer: one row of scores per customer instead of one per product, which
      dominates the cost of a step. Sampled products that the customer has are left out of the sum.
    - bpr: -ln σ(x_i · z_i + b_i - x_i · z_k - b_k) with one product k sampled per target (Rendle et al. 2009).

    If `biased`, each product has a bias b for its popularity, which directions alone cannot express.

    Args:
        encoding: the encoder of products.
        degrees: customers of each product.
        training: the loss, the number of negatives, and whether products have biases.
        temperature: of the softmax.
        k: the validation metric is NDCG@k.
    """

    is_joint: ClassVar[bool] = True

    encoding: Encoding
    degrees: tuple[int, ...] = field(repr=False)
    training: GraphTrainingSettings
    temperature: float = 0.1
    k: int = 10

    def network(self) -> ProductNetwork:
        """The network with its first weights."""
        return ProductNetwork(self.encoding.module(), self.degrees, self.training.biased)

    def loss(self, network: nn.Module, batch: Batch) -> tuple[torch.Tensor, int]:
        """The sum of the losses of all products of customers with two or more, and their number."""
        assert isinstance(network, ProductNetwork)
        items = batch["items"].long()
        items = items[(items >= 0).sum(1) > 1]
        rows, targets = entries_of(items)
        negatives = self._negatives(network.touched, len(targets))
        nodes, places = torch.unique(torch.cat([targets, negatives]), return_inverse=True)
        vectors, biases = network.encoder(nodes), network.biases[nodes].float()
        positive, negative = places[: len(targets)], places[len(targets) :]
        weights = network.shares[targets]
        sums = sums_of(rows, positive, weights, vectors, len(items))
        queries = sums[rows] - vectors[positive] * weights[:, None]
        if self.training.loss == "bpr":
            margins = (queries * (vectors[positive] - vectors[negative])).sum(1)
            return -N.logsigmoid(margins.float() + biases[positive] - biases[negative]).sum(), len(targets)
        units = _units(vectors.float())
        scores = (_units(queries.float()) * units[positive]).sum(1) / self.temperature + biases[positive]
        whole = _units(sums.float()) / self.temperature
        own = _owned(rows, positive, negative, (len(items), len(vectors)))
        others = ((whole @ units[negative].T).float() + biases[negative]).masked_fill(own, _NEVER)
        return N.softplus(others.logsumexp(1)[rows] - scores).sum(), len(targets)

    def _negatives(self, touched: torch.Tensor, n_targets: int) -> torch.Tensor:
        """Sampled products: distinct ones for softmax, one per target for bpr.

        Products without customers are never positive: as negatives they would only learn to be far from everybody.
        """
        is_softmax = self.training.loss == "softmax"
        n_sampled = self.training.n_negatives if is_softmax else n_targets
        sampled = torch.randint(len(touched), (n_sampled,), device=touched.device)
        return touched[torch.unique(sampled) if is_softmax else sampled]

    def quality(self, network: nn.Module, batch: Batch) -> tuple[float, int]:
        """The sum of NDCG@k of later products among all that customers do not have yet, and the number of customers."""
        assert isinstance(network, ProductNetwork)
        vectors = network.all_vectors().float()
        items, later = batch["items"].long(), batch["targets"].long()
        if not len(items):
            return 0.0, 0
        rows, known = entries_of(items)
        queries = sums_of(rows, known, network.shares[known], vectors, len(items))
        if self.training.loss == "softmax":
            queries, vectors = _units(queries) / self.temperature, _units(vectors)
        scores = queries @ vectors.T + network.biases
        scores[rows, known] = -torch.inf
        best = scores.topk(min(self.k, scores.shape[1])).indices
        hits = (best[:, :, None] == later[:, None, :]).any(-1)
        gains = 1 / torch.log2(torch.arange(2, best.shape[1] + 2, device=best.device))
        n_ideal = (later >= 0).sum(1).clamp(max=best.shape[1])
        return float(((hits * gains).sum(1) / gains.cumsum(0)[n_ideal - 1]).sum()), len(items)


def _units(vectors: torch.Tensor) -> torch.Tensor:
    """The rows normalised to length one."""
    return N.normalize(vectors, dim=1, eps=1e-6)


def _owned(rows: torch.Tensor, places: torch.Tensor, others: torch.Tensor, sizes: tuple[int, int]) -> torch.Tensor:
    """Whether a row has each of the distinct `others`: (rows, others); `sizes` are the numbers of rows and places."""
    column = torch.full((sizes[1],), -1, device=places.device)
    column[others] = torch.arange(len(others), device=places.device)
    found = column[places]
    owned = torch.zeros((sizes[0], len(others)), dtype=torch.bool, device=places.device)
    owned[rows[found >= 0], found[found >= 0]] = True
    return owned


def sums_of(
    rows: torch.Tensor, places: torch.Tensor, weights: torch.Tensor, vectors: torch.Tensor, n_rows: int
) -> torch.Tensor:
    """The weighted sum of each row's vectors: (n_rows, width)."""
    counts = torch.bincount(rows, minlength=n_rows)
    return Csr(torch.cat([counts.new_zeros(1), counts.cumsum(0)]), places, weights).times(vectors)
