"""LSTM: long short-term memory over the history (Hochreiter, Schmidhuber 1997)."""

from __future__ import annotations

import torch
from torch import nn

from cartograph.sequence.model import SequenceModel
from cartograph.sequence.network import Shape


class LstmBody(nn.Module):
    """Layers of long short-term memory, back to the width of the products."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        between = shape.dropout if shape.depth > 1 else 0.0
        self.units = nn.LSTM(shape.width, 2 * shape.width, shape.depth, batch_first=True, dropout=between)
        self.dropout = nn.Dropout(shape.dropout)
        self.out = nn.Linear(2 * shape.width, shape.width)

    def forward(self, vectors: torch.Tensor) -> torch.Tensor:
        """(rows, length, width) -> (rows, length, width)."""
        states, _ = self.units(vectors)  # (rows, length, 2 width)
        out: torch.Tensor = self.out(self.dropout(states))
        return out


class Lstm(SequenceModel):
    """A memory that each event writes to; what it says after the last one is scored against all products.

    See `SequenceModel` for the settings.
    """

    name = "lstm"
    body = LstmBody
