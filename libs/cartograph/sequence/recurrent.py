"""What LSTM and GRU share: layers of recurrent units, projected back to the embedding dimension."""

from __future__ import annotations

import torch
from torch import nn

from cartograph.sequence.network import NetworkConfig


class RecurrentBody(nn.Module):
    """Layers of `cell`, twice as wide as the embeddings."""

    cell: type[nn.LSTM] | type[nn.GRU]

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        between = config.dropout if config.depth > 1 else 0.0
        self.units = self.cell(config.width, 2 * config.width, config.depth, batch_first=True, dropout=between)
        self.dropout = nn.Dropout(config.dropout)
        self.out = nn.Linear(2 * config.width, config.width)

    def forward(self, vectors: torch.Tensor) -> torch.Tensor:
        """(rows, length, width) -> (rows, length, width)."""
        states, _ = self.units(vectors)  # (rows, length, 2 width)
        out: torch.Tensor = self.out(self.dropout(states))
        return out
