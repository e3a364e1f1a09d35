"""The losses and their gradients are what their definitions say, whatever the size of a block."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from cartograph.sequence import softmax
from cartograph.sequence.softmax import full_softmax, sampled_softmax


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("block_bytes", [1, 80, 1 << 20])
def test_the_full_loss_and_its_gradients_are_those_of_pytorch(
    smoothing: float, block_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(softmax, "_BLOCK_BYTES", block_bytes)
    torch.manual_seed(1)
    hidden, items = torch.randn(5, 4, requires_grad=True), torch.randn(9, 4, requires_grad=True)
    targets = torch.tensor([0, 8, 3, 3, 5])
    expected = nn.functional.cross_entropy(hidden @ items.T, targets, label_smoothing=smoothing, reduction="sum")
    found = full_softmax(hidden, targets, items, smoothing)
    torch.testing.assert_close(found, expected)
    right = torch.autograd.grad(2 * expected, (hidden, items))
    for one, other in zip(torch.autograd.grad(2 * found, (hidden, items)), right, strict=True):
        torch.testing.assert_close(one, other)


def test_the_sampled_loss_tends_to_the_full_one() -> None:
    """With logQ the expected loss is that of the full softmax, however unequal the popularities are."""
    torch.manual_seed(1)
    hidden, items, targets = torch.randn(5, 4), torch.randn(9, 4), torch.tensor([0, 8, 3, 3, 5])
    counts = (1, 2, 4, 8, 16, 32, 64, 128, 256)
    full = float(nn.functional.cross_entropy(hidden @ items.T, targets, reduction="sum"))
    found = float(sampled_softmax(hidden, targets, items, 400_000, torch.tensor(counts).float()))
    assert found == pytest.approx(full, rel=0.02)
