"""A network that decides, product by product, how much each model's vector counts.

Each model's block is projected into one common space, and the product is the mean of the projections, weighted by a
softmax over what the blocks say (a mixture of experts, Jacobs et al. 1991): a model that the product lacks has no
weight. It is trained so that products bought together are close and others are not (InfoNCE over the batch: van den
Oord, Li and Vinyals 2018). In training, models are masked at random, so that it can do without any of them: a new
product has no behaviour yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn
from torch.nn import functional as N

from cartograph.core.training.feed import Batch
from cartograph.embed.settings import GateSettings


class GatedFusion(nn.Module):
    """Blocks of several models to one vector of length one.

    Args:
        widths: dimensions of each model's block.
        width: embedding dimension.
    """

    def __init__(self, widths: tuple[int, ...], width: int) -> None:
        super().__init__()
        self.widths = list(widths)
        self.projections = nn.ModuleList(nn.Linear(own, width, bias=False) for own in widths)
        self.gate = nn.Linear(sum(widths) + len(widths), len(widths))
        nn.init.zeros_(self.gate.weight)  # initially, all models have equal weight
        nn.init.zeros_(self.gate.bias)

    def forward(self, blocks: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
        """(products, width) of (products, sum of widths) and (products, models), ones for models that are there."""
        shares = self.shares(blocks, present)
        parts = torch.split(blocks, self.widths, dim=1)
        projected = [N.normalize(one(part), dim=1) for one, part in zip(self.projections, parts, strict=True)]
        return N.normalize((torch.stack(projected, dim=1) * shares[:, :, None]).sum(dim=1), dim=1)

    def shares(self, blocks: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
        """The weight of each model: (products, models), rows that sum to one."""
        shown = blocks * torch.repeat_interleave(present, torch.tensor(self.widths, device=present.device), dim=1)
        scores = self.gate(torch.cat([shown, present], dim=1))
        return torch.softmax(scores.masked_fill(present == 0, -torch.inf), dim=1)


@dataclass(frozen=True)
class GateTask:
    """A gate and its loss.

    Args:
        widths: dimensions of each model's block.
        settings: dimension, temperature and the share of models that a step masks.
    """

    is_joint: ClassVar[bool] = False

    widths: tuple[int, ...]
    settings: GateSettings

    def network(self) -> nn.Module:
        """The gate with its initial weights."""
        return GatedFusion(self.widths, self.settings.width)

    def loss(self, network: nn.Module, batch: Batch) -> tuple[torch.Tensor, int]:
        """The cross-entropy of each product's partner among all partners of the batch, and the reverse.

        The others are those in the worker's part of the batch. Another pair's product that is one of the pair's own is
        no negative.
        """
        left, right = (network(batch[side], self._shown(batch[f"{side}_present"])) for side in ("left", "right"))
        scores = left @ right.T / self.settings.temperature
        is_own = torch.eye(len(scores), dtype=torch.bool, device=scores.device)
        scores = scores.masked_fill(_repeated(batch) & ~is_own, -torch.inf)
        partner = torch.arange(len(scores), device=scores.device)
        both_ways = (N.cross_entropy(way, partner, reduction="sum") for way in (scores, scores.T))
        return sum(both_ways, torch.zeros((), device=scores.device)) / 2, len(scores)

    def quality(self, network: nn.Module, batch: Batch) -> tuple[float, int]:
        """How many products are closer to their partner than to all other partners of the batch, and of how many."""
        left, right = (network(batch[side], batch[f"{side}_present"]) for side in ("left", "right"))
        scores = left @ right.T
        is_own = torch.eye(len(scores), dtype=torch.bool, device=scores.device)
        best = scores.masked_fill(_repeated(batch) & ~is_own, -torch.inf).argmax(dim=1)
        return float((best == torch.arange(len(scores), device=scores.device)).sum()), len(scores)

    def _shown(self, present: torch.Tensor) -> torch.Tensor:
        """The models that are present and not masked; where that leaves none, all that are present."""
        shown = present * (torch.rand_like(present) >= self.settings.hidden)
        return torch.where(shown.sum(dim=1, keepdim=True) > 0, shown, present)


def _repeated(batch: Batch) -> torch.Tensor:
    """(pairs, pairs): whether the product of the column's pair is one of the row's own two, on either side."""
    left, right = batch["left_code"], batch["right_code"]
    same_right = right[None, :] == right[:, None]
    same_left = left[None, :] == left[:, None]
    return same_right | same_left | (right[None, :] == left[:, None])
