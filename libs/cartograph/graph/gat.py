"""GAT over products (Veličković et al. 2018), trained to tell what customers have."""

from __future__ import annotations

from typing import Any

from cartograph.graph.convolutional import Convolutional


class Gat(Convolutional):
    """How much a neighbour counts is learned: see `graph.gat_layer`. See `Convolutional` for the settings it shares.

    Args:
        heads: of attention.
    """

    name = "gat"
    convolution = "gat"

    def __init__(self, *, heads: int = 4, **shared: Any) -> None:
        super().__init__(**shared)
        self.heads = heads
