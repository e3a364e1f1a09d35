"""What LSTM and GRU share: layers of recurrent units, back to the width of the products."""

from __future__ import annotations

import torch
from torch import nn

from cartograph.sequence.network import Shape


class RecurrentBody(nn.Module):
    """Layers of `cell`, twice as wide as the vectors of products."""

    cell: type[nn.LSTM] | type[nn.GRU]

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        between = shape.dropout if shape.depth > 1 else 0.0
        self.units = self.cell(shape.width, 2 * shape.width, shape.depth, batch_first=True, dropout=between)
        self.dropout = nn.Dropout(shape.dropout)
        self.out = nn.Linear(2 * shape.width, shape.width)

    def forward(self, vectors: torch.Tensor) -> torch.Tensor:
        """(rows, length, width) -> (rows, length, width)."""
        states, _ = self.units(vectors)  # (rows, length, 2 width)
        out: torch.Tensor = self.out(self.dropout(states))
        return out
