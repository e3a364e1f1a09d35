"""Losses of the next product: softmax over all products, or over a sample of them."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional as N

_BLOCK_BYTES = 4 << 20  # of scores per block: they stay in the CPU cache


def full_softmax(
    hidden: torch.Tensor, targets: torch.Tensor, items: torch.Tensor, smoothing: float = 0.0
) -> torch.Tensor:
    """The sum of cross entropies among all products: (events, width), (events), (products, width) -> ().

    On CPUs the whole score matrix is never materialised, and its exponentials are computed once instead of twice.

    Args:
        hidden: states of the events.
        targets: what comes next, counted from 0.
        items: vectors of the products.
        smoothing: label smoothing.
    """
    if hidden.device.type == "cpu":
        loss: torch.Tensor = _Blocked.apply(hidden, targets, items, smoothing)  # type: ignore[no-untyped-call]
        return loss
    scores = (hidden @ items.T).float()
    return N.cross_entropy(scores, targets, label_smoothing=smoothing, reduction="sum")


class _Blocked(torch.autograd.Function):
    """Loss and gradients of the full softmax, block by block, in one pass."""

    @staticmethod
    def forward(
        ctx: Any, hidden: torch.Tensor, targets: torch.Tensor, items: torch.Tensor, smoothing: float
    ) -> torch.Tensor:
        of_hidden, of_items = torch.empty_like(hidden), torch.zeros_like(items)
        loss = hidden.new_zeros(())
        n_rows = max(_BLOCK_BYTES // (4 * len(items)), 1)
        for first in range(0, len(hidden), n_rows):
            some = slice(first, first + n_rows)
            scores, target = hidden[some] @ items.T, targets[some, None]
            highest = scores.max(dim=1, keepdim=True).values
            kept = (1 - smoothing) * scores.gather(1, target)
            if smoothing:
                kept += smoothing * scores.mean(dim=1, keepdim=True)
            shares = scores.sub_(highest).exp_()
            total = shares.sum(dim=1, keepdim=True)
            loss += (total.log() + highest - kept).sum()
            shares.div_(total)
            if smoothing:
                shares.sub_(smoothing / len(items))
            shares.scatter_add_(1, target, torch.full_like(kept, smoothing - 1))
            of_hidden[some] = shares @ items
            of_items.addmm_(shares.T, hidden[some])
        ctx.save_for_backward(of_hidden, of_items)
        return loss

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        of_hidden, of_items = ctx.saved_tensors
        return gradients[0] * of_hidden, None, gradients[0] * of_items, None


def sampled_softmax(
    hidden: torch.Tensor, targets: torch.Tensor, items: torch.Tensor, n_sampled: int, counts: torch.Tensor
) -> torch.Tensor:
    """The sum of cross entropies among the target and negatives sampled by popularity.

    Scores of negatives are lowered by the logarithm of their expected number in the sample (logQ correction): otherwise
    popular products would be penalised more than by the full softmax (Bengio, Senécal 2008; Yi et al. 2019). `counts`
    are floats.
    """
    counts = counts.to(hidden.device)
    sampled = torch.multinomial(counts, n_sampled, replacement=True)
    expected = torch.log(counts / counts.sum() * n_sampled)
    positive = (hidden * items[targets]).sum(dim=1)  # always there, so there is nothing to correct
    negative = hidden @ items[sampled].T - expected[sampled]
    negative = negative.masked_fill(sampled[None, :] == targets[:, None], -torch.inf)
    scores = torch.cat([positive[:, None], negative], dim=1).float()
    return N.cross_entropy(scores, torch.zeros_like(targets), reduction="sum")
