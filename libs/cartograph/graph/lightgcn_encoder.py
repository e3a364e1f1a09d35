"""LightGCN's propagation over who had to do with what, each worker knowing its own customers only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
import torch.distributed as dist
from torch import nn

from cartograph.core.training.feed import Feed, shard_of
from cartograph.graph.sparse import Csr
from cartograph.graph.start import first_vectors


@dataclass(frozen=True)
class LightGcnEncoding:
    """Vectors of products: C = (E + G E + … + G^hops E) / (hops + 1), G = ÑᵀÑ, Ñ = D_u^-1/2 N D^-1/2.

    Two layers of LightGCN (He et al. 2020), product to customer to product, make one hop. E is learned; customers have
    no vectors of their own to start from, so what lies behind theirs is what they have, and new ones need no training.

    Args:
        n_items: products.
        width: length of the vectors.
        hops: of two layers each.
        degrees: customers of each product.
        customers: rows with items, of which a worker reads its own shard.
        start: rows of `start.spectral_start`; None: E starts at random.
    """

    n_items: int
    width: int
    hops: int
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
        self.hops = encoding.hops
        self.products = first_vectors(encoding.n_items, encoding.width, encoding.start)
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
    """G = ÑᵀÑ as the sum of what the workers' customers make of it: (products, width) -> the same, on every worker.

    Gradients are partial while they flow back: the workers' add up to the whole, as those of their parts of a batch do.
    So backward adds up what it is given, and passes on what its own customers make of that.

    Args:
        items: codes of this worker's customers' products, -1 for none: (customers, length).
        degrees: customers of each product, over all workers.
    """

    def __init__(self, items: torch.Tensor, degrees: torch.Tensor) -> None:
        inside = items >= 0
        users = torch.arange(len(items))[:, None].expand_as(items)[inside]
        columns = items[inside].long()
        values = (inside.sum(1)[users] * degrees[columns]).double() ** -0.5
        self.rows = Csr.of(users, columns, values, len(items))
        self.products = Csr.of(columns, users, values, len(degrees))

    def __call__(self, vectors: torch.Tensor) -> torch.Tensor:
        made: torch.Tensor = _Filtered.apply(vectors, self)  # type: ignore[no-untyped-call]
        return made

    def own(self, vectors: torch.Tensor) -> torch.Tensor:
        """What this worker's customers make of the vectors."""
        self.rows, self.products = self.rows.to(vectors.device), self.products.to(vectors.device)
        with torch.no_grad():
            return self.products.times(self.rows.times(vectors))


class _Filtered(torch.autograd.Function):
    """See `CustomerFilter`. In float32 also where the rest is in mixed precision."""

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
