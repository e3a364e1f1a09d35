"""Self-attention over the history (Kang, McAuley 2018, Self-attentive sequential recommendation)."""

from __future__ import annotations

import torch
from torch import nn

from cartograph.sequence.network import NetworkConfig
from cartograph.sequence.sequence_model import SequenceModel
from cartograph.sequence.settings import TransformerSettings


class Attention(nn.Module):
    """Attention of each event to itself and earlier ones, with a bias per head and distance.

    Events are padded at the end, so no event that counts looks at padding.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.inward = nn.Linear(config.width, 3 * config.width)
        self.outward = nn.Linear(config.width, config.width)
        near = distances(config.length)
        self.near: torch.Tensor
        self.register_buffer("near", near, persistent=False)
        self.distance = nn.Parameter(torch.zeros(config.heads, int(near.max()) + 1))
        self.dropout = nn.Dropout(config.dropout)

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

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.before_attention = nn.LayerNorm(config.width)
        self.attention = Attention(config)
        self.before_network = nn.LayerNorm(config.width)
        self.network = nn.Sequential(
            nn.Linear(config.width, 4 * config.width), nn.GELU(), nn.Dropout(config.dropout),
            nn.Linear(4 * config.width, config.width),
        )  # fmt: skip
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, vectors: torch.Tensor) -> torch.Tensor:
        """(rows, length, width) -> (rows, length, width)."""
        vectors = vectors + self.dropout(self.attention(self.before_attention(vectors)))
        out: torch.Tensor = vectors + self.dropout(self.network(self.before_network(vectors)))
        return out


class TransformerBody(nn.Module):
    """Blocks of attention, the last one normalised."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*[Block(config) for _ in range(config.depth)])
        self.norm = nn.LayerNorm(config.width)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                nn.init.zeros_(module.bias)

    def forward(self, vectors: torch.Tensor) -> torch.Tensor:
        """(rows, length, width) -> (rows, length, width)."""
        out: torch.Tensor = self.norm(self.blocks(vectors))
        return out


class Transformer(SequenceModel):
    """Every event attends to those before it; the state of the last one is scored against all products.

    The paper learns an embedding per position; here attention learns a bias per distance, since most histories are
    short and late positions are too rare to be learned. The loss is the softmax over all products, instead of one
    negative per positive. See `SequenceModel` for the constructor.
    """

    name = "transformer"
    body = TransformerBody
    settings_class = TransformerSettings
