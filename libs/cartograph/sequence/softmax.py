"""Losses that tell the next product from all others: from every one of them, or from some that are drawn."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional as N

_BLOCK_BYTES = 4 << 20  # of scores that are worked on together: they stay in the processor's cache


def full_softmax(
    hidden: torch.Tensor, targets: torch.Tensor, items: torch.Tensor, smoothing: float = 0.0
) -> torch.Tensor:
    """The sum of cross entropies among all products: (events, width), (events), (products, width) -> ().

    On processors the scores are never there all at once, and their exponentials are computed once, not twice.

    Args:
        hidden: vectors of the events.
        targets: what comes next, counted from 0.
        items: vectors of the products.
        smoothing: share of a target's certainty that is spread over all products.
    """
    if hidden.device.type == "cpu":
        loss: torch.Tensor = _Blocked.apply(hidden, targets, items, smoothing)  # type: ignore[no-untyped-call]
        return loss
    scores = (hidden @ items.T).float()
    return N.cross_entropy(scores, targets, label_smoothing=smoothing, reduction="sum")


class _Blocked(torch.autograd.Function):
    """Loss and gradients of the full softmax, block of events by block of events, in one go."""

    @staticmethod
    def forward(
        ctx: Any, hidden: torch.Tensor, targets: torch.Tensor, items: torch.Tensor, smoothing: float
    ) -> torch.Tensor:
        of_hidden, of_items = torch.empty_like(hidden), torch.zeros_like(items)
        loss = hidden.new_zeros(())
        n_rows = max(_BLOCK_BYTES // (4 * len(items)), 1)
        for first in range(0, len(hidden), n_rows):
            some = slice(first, first + n_rows)
            scores, wanted = hidden[some] @ items.T, targets[some, None]
            highest = scores.max(dim=1, keepdim=True).values
            kept = (1 - smoothing) * scores.gather(1, wanted)
            if smoothing:
                kept += smoothing * scores.mean(dim=1, keepdim=True)
            shares = scores.sub_(highest).exp_()
            total = shares.sum(dim=1, keepdim=True)
            loss += (total.log() + highest - kept).sum()
            shares.div_(total)
            if smoothing:
                shares.sub_(smoothing / len(items))
            shares.scatter_add_(1, wanted, torch.full_like(kept, smoothing - 1))
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
    """The sum of cross entropies among the target and products drawn by how often they were bought.

    Scores of those drawn are lowered by the logarithm of how often each is expected among them (logQ): otherwise
    popular ones would be told "no" more often than by the full softmax (Bengio, Senécal 2008; Yi et al. 2019). `counts`
    are floats.
    """
    counts = counts.to(hidden.device)
    drawn = torch.multinomial(counts, n_sampled, replacement=True)
    expected = torch.log(counts / counts.sum() * n_sampled)
    positive = (hidden * items[targets]).sum(dim=1)  # always there, so there is nothing to correct
    negative = hidden @ items[drawn].T - expected[drawn]
    negative = negative.masked_fill(drawn[None, :] == targets[:, None], -torch.inf)
    scores = torch.cat([positive[:, None], negative], dim=1).float()
    return N.cross_entropy(scores, torch.zeros_like(targets), reduction="sum")
