"""LightGCN's propagation over interactions, each worker holding its own customers only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
import torch.distributed as dist
from torch import nn

from cartograph.core.training.feed import Feed, shard_of
from cartograph.graph.networks.initial_vectors import first_vectors
from cartograph.graph.networks.sparse import Csr, entries_of
from cartograph.graph.settings import LightGcnSettings


@dataclass(frozen=True)
class LightGcnEncoding:
    """Vectors of products: C = (E + G E + … + G^hops E) / (hops + 1), G = ÑᵀÑ, Ñ = D_u^-1/2 N D^-1/2.

    Two layers of LightGCN (He et al. 2020), product to customer to product, make one hop. E is learned; customers have
    no initial vectors of their own, but are represented by their products, so that new ones need no training.

    Args:
        settings: the embedding dimension and the number of hops.
        degrees: customers of each product.
        customers: rows with items, of which each worker reads its own shard.
        start: rows of `initial_vectors.spectral_start`; None: E is initialised at random.
    """

    settings: LightGcnSettings
    degrees: tuple[int, ...] = field(repr=False)
    customers: Feed = field(repr=False)
    start: Feed | None = field(default=None, repr=False)

    def module(self) -> LightGcnEncoder:
        """The encoder with its first weights, on a worker of the group."""
        rank, size = (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)
        if size != len(self.customers.files):
            raise ValueError(f"{len(self.customers.files)} shards of customers for {size} workers")
        return LightGcnEncoder(self, shard_of(self.customers, rank)["items"])


class LightGcnEncoder(nn.Module):
    """E, and this worker's rows of Ñ."""

    def __init__(self, encoding: LightGcnEncoding, items: torch.Tensor) -> None:
        super().__init__()
        self.hops = encoding.settings.hops
        self.products = first_vectors(len(encoding.degrees), encoding.settings.width, encoding.start)
        self.filter = CustomerFilter(items, torch.tensor(encoding.degrees))

    def forward(self, nodes: torch.Tensor | None = None) -> torch.Tensor:
        """Vectors of the products with codes `nodes`; None: of all. All are computed either way."""
        total: torch.Tensor = self.products
        part: torch.Tensor = self.products
        for _ in range(self.hops):
            part = self.filter(part)
            total = total + part
        total = total / (self.hops + 1)
        return total if nodes is None else total[nodes]


class CustomerFilter:
    """G = ÑᵀÑ as a sum over the workers' customers: (products, width) -> the same shape, on every worker.

    Gradients are partial while they flow back: their sum over the workers is the whole gradient, as for the parts of a
    batch. So backward sums its inputs over the workers and multiplies by the part of this worker's customers.

    Args:
        items: codes of this worker's customers' products, -1 for none: (customers, length).
        degrees: customers of each product, over all workers.
    """

    def __init__(self, items: torch.Tensor, degrees: torch.Tensor) -> None:
        users, codes = entries_of(items)
        columns = codes.long()
        lengths = torch.bincount(users, minlength=len(items))
        values = (lengths[users] * degrees[columns]).double() ** -0.5
        self.rows = Csr.of(users, columns, values, len(items))
        self.products = Csr.of(columns, users, values, len(degrees))

    def __call__(self, vectors: torch.Tensor) -> torch.Tensor:
        filtered: torch.Tensor = _Filtered.apply(vectors, self)  # type: ignore[no-untyped-call]
        return filtered

    def own(self, vectors: torch.Tensor) -> torch.Tensor:
        """The part of G of this worker's customers, times the vectors."""
        self.rows, self.products = self.rows.to(vectors.device), self.products.to(vectors.device)
        with torch.no_grad():
            return self.products.times(self.rows.times(vectors))


class _Filtered(torch.autograd.Function):
    """See `CustomerFilter`. In float32 even if the rest is in mixed precision."""

    @staticmethod
    def forward(ctx: Any, vectors: torch.Tensor, customers: CustomerFilter) -> torch.Tensor:
        ctx.customers = customers
        return _summed(customers.own(vectors.float()))

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None]:
        return ctx.customers.own(_summed(gradients[0].float().contiguous().clone())), None


def _summed(values: torch.Tensor) -> torch.Tensor:
    """The sum of the workers' tensors, in place."""
    if dist.is_initialized():
        dist.all_reduce(values)
    return values
