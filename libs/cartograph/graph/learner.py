"""What networks over products are trained for: to tell what customers have from what they have not."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal, Protocol, Self

import torch
from torch import nn
from torch.nn import functional as N

from cartograph.core.training.feed import Batch
from cartograph.graph.sparse import Csr

_NEVER = -1e4  # a score that adds nothing; minus infinity has no gradient where a customer has all products drawn


class Encoding(Protocol):
    """What makes an encoder: a module that gives vectors of the products with some codes, or of all."""

    def module(self) -> nn.Module:
        """The encoder with its first weights."""


class ProductNetwork(nn.Module):
    """An encoder, whose vectors of all products are computed once where it is only used.

    `shares` are 1 / √d of the products, what each counts in a customer; `touched` the codes of those with customers;
    `biases` what is added to the products' scores whoever asks: the network learns them, or they are 0.
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
        """Forgets the vectors: weights may change now."""
        self._kept = None
        return super().train(mode)

    def all_vectors(self) -> torch.Tensor:
        """(products, width)."""
        vectors: torch.Tensor = self.encoder() if self._kept is None else self._kept
        self._kept = None if self.training else vectors
        return vectors


@dataclass(frozen=True)
class Recommending:
    """Learns to tell each product of a customer from others, by the customer's remaining products.

    A customer with the products H is, where product i is asked for, x_i = Σ_{j in H, j ≠ i} z_j / √d_j, d the counts of
    customers, as in FISM (Kabbur, Ning and Karypis 2013): a product never recommends itself, and new customers are
    known by what they have. Rows have items (codes, -1 after the last). Losses:

    - softmax: -ln of the share of exp(cos(x_i, z_i) / temperature + b_i) in the sum with up to `n_negatives` products k
      drawn for the batch (sampled softmax: Wu et al. 2022), which count exp(cos(x, z_k) / temperature + b_k) each, x
      the sum of all that the customer has: one row of scores per customer instead of one per product, which is what a
      step costs. What the customer has is not wrong, and left out of the sum.
    - bpr: -ln σ(x_i · z_i + b_i - x_i · z_k - b_k) with one product k drawn per row (Rendle et al. 2009).

    Where `biased`, products have a bias b each, for what many customers like: directions alone cannot tell.

    Args:
        encoding: of the products.
        degrees: customers of each product.
        loss_name: softmax or bpr.
        temperature: of softmax.
        n_negatives: products drawn per batch for softmax.
        k: the validation metric is NDCG@k.
        biased: whether products have biases.
    """

    is_joint: ClassVar[bool] = True

    encoding: Encoding
    degrees: tuple[int, ...] = field(repr=False)
    loss_name: Literal["softmax", "bpr"] = "softmax"
    temperature: float = 0.1
    n_negatives: int = 1024
    k: int = 10
    biased: bool = True

    def network(self) -> ProductNetwork:
        """The network with its first weights."""
        return ProductNetwork(self.encoding.module(), self.degrees, self.biased)

    def loss(self, network: nn.Module, batch: Batch) -> tuple[torch.Tensor, int]:
        """The sum of the losses of all products of customers with two or more, and how many there are."""
        assert isinstance(network, ProductNetwork)
        items = batch["items"].long()
        items = items[(items >= 0).sum(1) > 1]
        rows, targets = had(items)
        n_drawn = self.n_negatives if self.loss_name == "softmax" else len(targets)
        # Who has no customers is never right: drawn as wrong, new products would learn to be far from everybody.
        chosen = torch.randint(len(network.touched), (n_drawn,), device=items.device)
        drawn = network.touched[torch.unique(chosen) if self.loss_name == "softmax" else chosen]
        nodes, places = torch.unique(torch.cat([targets, drawn]), return_inverse=True)
        vectors, biases = network.encoder(nodes), network.biases[nodes].float()
        wanted, others = places[: len(targets)], places[len(targets) :]
        weights = network.shares[targets]
        sums = sums_of(rows, wanted, weights, vectors, len(items))
        asking = sums[rows] - vectors[wanted] * weights[:, None]
        if self.loss_name == "bpr":
            margins = (asking * (vectors[wanted] - vectors[others])).sum(1)
            return -N.logsigmoid(margins.float() + biases[wanted] - biases[others]).sum(), len(targets)
        units = N.normalize(vectors.float(), dim=1, eps=1e-6)
        right = (N.normalize(asking.float(), dim=1, eps=1e-6) * units[wanted]).sum(1) / self.temperature + biases[
            wanted
        ]
        whole = N.normalize(sums.float(), dim=1, eps=1e-6) / self.temperature
        held = _held(rows, wanted, others, (len(items), len(vectors)))
        wrong = ((whole @ units[others].T).float() + biases[others]).masked_fill(held, _NEVER)
        return N.softplus(wrong.logsumexp(1)[rows] - right).sum(), len(targets)

    def quality(self, network: nn.Module, batch: Batch) -> tuple[float, int]:
        """The sum of NDCG@k of what customers wanted later, among all that they do not have, and how many customers."""
        assert isinstance(network, ProductNetwork)
        vectors = network.all_vectors().float()
        items, later = batch["items"].long(), batch["wanted"].long()
        if not len(items):
            return 0.0, 0
        rows, known = had(items)
        asking = sums_of(rows, known, network.shares[known], vectors, len(items))
        if self.loss_name == "softmax":
            asking, vectors = (
                N.normalize(asking, dim=1, eps=1e-6) / self.temperature,
                N.normalize(vectors, dim=1, eps=1e-6),
            )
        scores = asking @ vectors.T + network.biases
        scores[rows, known] = -torch.inf
        best = scores.topk(min(self.k, scores.shape[1])).indices
        hits = (best[:, :, None] == later[:, None, :]).any(-1)
        gains = 1 / torch.log2(torch.arange(2, best.shape[1] + 2, device=best.device))
        n_ideal = (later >= 0).sum(1).clamp(max=best.shape[1])
        return float(((hits * gains).sum(1) / gains.cumsum(0)[n_ideal - 1]).sum()), len(items)


def _held(rows: torch.Tensor, places: torch.Tensor, others: torch.Tensor, sizes: tuple[int, int]) -> torch.Tensor:
    """Whether a row has one of the `others`, each named once: (rows, others); `sizes` counts rows and places."""
    column = torch.full((sizes[1],), -1, device=places.device)
    column[others] = torch.arange(len(others), device=places.device)
    found = column[places]
    held = torch.zeros((sizes[0], len(others)), dtype=torch.bool, device=places.device)
    held[rows[found >= 0], found[found >= 0]] = True
    return held


def had(items: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The row and the product of each place that has one, row by row."""
    inside = items >= 0
    rows = torch.arange(len(items), device=items.device)[:, None].expand_as(items)
    return rows[inside], items[inside]


def sums_of(
    rows: torch.Tensor, places: torch.Tensor, weights: torch.Tensor, vectors: torch.Tensor, n_rows: int
) -> torch.Tensor:
    """The weighted sum of each row's vectors: (n_rows, width)."""
    counts = torch.bincount(rows, minlength=n_rows)
    return Csr(torch.cat([counts.new_zeros(1), counts.cumsum(0)]), places, weights).times(vectors)
