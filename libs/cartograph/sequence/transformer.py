"""Self-attention over the history (Kang, McAuley 2018, Self-attentive sequential recommendation)."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from cartograph.sequence.model import SequenceModel
from cartograph.sequence.network import Shape


class Attention(nn.Module):
    """Attention of each event to itself and earlier ones, with a bias per head and distance.

    Events are padded at the end, so no event that counts looks at padding.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.heads = shape.heads
        self.inward = nn.Linear(shape.width, 3 * shape.width)
        self.outward = nn.Linear(shape.width, shape.width)
        near = distances(shape.length)
        self.near: torch.Tensor
        self.register_buffer("near", near, persistent=False)
        self.distance = nn.Parameter(torch.zeros(shape.heads, int(near.max()) + 1))
        self.dropout = nn.Dropout(shape.dropout)

    def forward(self, vectors: torch.Tensor) -> torch.Tensor:
        """(rows, length, width) -> (rows, length, width)."""
        n_rows, length, width = vectors.shape
        parts = self.inward(vectors).view(n_rows, length, 3, self.heads, width // self.heads)
        queries, keys, values = parts.permute(2, 0, 3, 1, 4)  # each (rows, heads, length, width / heads)
        places = torch.arange(length, device=vectors.device)
        back = places[:, None] - places[None, :]
        bias = self.distance[:, self.near[back.clamp(min=0)]].masked_fill(
            back < 0, -torch.inf
        )  # (heads, length, length)
        scores = queries @ keys.transpose(-1, -2) * (width // self.heads) ** -0.5 + bias
        seen = self.dropout(scores.softmax(dim=-1)) @ values
        out: torch.Tensor = self.outward(seen.transpose(1, 2).reshape(n_rows, length, width))
        return out


def distances(length: int) -> torch.Tensor:
    """The class of each distance below `length`: 0 to 3 are classes of their own, then two for each doubling.

    So far distances, which are rare, share what they learn (Raffel et al. 2020).
    """
    places = torch.arange(length)
    far = 4 + (torch.log2(places.clamp(min=4) / 4) * 2).floor().long()
    return torch.where(places < 4, places, far)


class Block(nn.Module):
    """Attention, then a small network for each event alone; both add to what they are given."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.before_attention = nn.LayerNorm(shape.width)
        self.attention = Attention(shape)
        self.before_network = nn.LayerNorm(shape.width)
        self.network = nn.Sequential(
            nn.Linear(shape.width, 4 * shape.width), nn.GELU(), nn.Dropout(shape.dropout),
            nn.Linear(4 * shape.width, shape.width),
        )  # fmt: skip
        self.dropout = nn.Dropout(shape.dropout)

    def forward(self, vectors: torch.Tensor) -> torch.Tensor:
        """(rows, length, width) -> (rows, length, width)."""
        vectors = vectors + self.dropout(self.attention(self.before_attention(vectors)))
        out: torch.Tensor = vectors + self.dropout(self.network(self.before_network(vectors)))
        return out


class TransformerBody(nn.Module):
    """Blocks of attention, the last one normalised."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*[Block(shape) for _ in range(shape.depth)])
        self.norm = nn.LayerNorm(shape.width)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                nn.init.zeros_(module.bias)

    def forward(self, vectors: torch.Tensor) -> torch.Tensor:
        """(rows, length, width) -> (rows, length, width)."""
        out: torch.Tensor = self.norm(self.blocks(vectors))
        return out


class Transformer(SequenceModel):
    """Every event looks back at those before it, and what it finds is scored against all products.

    Where the paper learns a vector per place in the history, here attention learns a bias per distance: most histories
    are short, so late places are seen too rarely to be learned, and what is bought next goes on after them. It is
    trained with the softmax over all products instead of one wrong product per right one. See `SequenceModel` for the
    settings it shares.

    Args:
        heads: of attention.
    """

    name = "transformer"
    body = TransformerBody

    def __init__(self, *, heads: int = 2, depth: int = 2, **shared: Any) -> None:
        super().__init__(depth=depth, **shared)
        self.heads = heads
