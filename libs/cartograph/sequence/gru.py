"""GRU4Rec: gated recurrent units over the history (Hidasi et al. 2016, Session-based recommendations with RNNs)."""

from __future__ import annotations

import torch
from torch import nn

from cartograph.sequence.model import SequenceModel
from cartograph.sequence.network import Shape


class GruBody(nn.Module):
    """Layers of gated recurrent units, back to the width of the products."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        between = shape.dropout if shape.depth > 1 else 0.0
        self.units = nn.GRU(shape.width, 2 * shape.width, shape.depth, batch_first=True, dropout=between)
        self.dropout = nn.Dropout(shape.dropout)
        self.out = nn.Linear(2 * shape.width, shape.width)

    def forward(self, vectors: torch.Tensor) -> torch.Tensor:
        """(rows, length, width) -> (rows, length, width)."""
        states, _ = self.units(vectors)  # (rows, length, 2 width)
        out: torch.Tensor = self.out(self.dropout(states))
        return out


class Gru(SequenceModel):
    """A state that each event updates through gates; the state after the last one is scored against all products.

    Unlike the paper it is trained on whole histories at once, with the softmax over all products. See `SequenceModel`
    for the settings.
    """

    name = "gru"
    body = GruBody
