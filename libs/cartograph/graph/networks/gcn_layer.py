"""The graph convolution of Kipf and Welling (2017): H' = σ(Â H W)."""

from __future__ import annotations

import torch
from torch import nn

from cartograph.graph.networks.sparse import Csr


class GcnLayer(nn.Module):
    """H' = Â H W + b; the caller applies σ.

    Args:
        width_in, width_out: dimension of the vectors of nodes before and after.
    """

    def __init__(self, width_in: int, width_out: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width_in, width_out, bias=False)
        self.bias = nn.Parameter(torch.zeros(width_out))
        nn.init.xavier_uniform_(self.linear.weight)

    def forward(self, nodes: torch.Tensor, graph: Csr) -> torch.Tensor:
        """(inputs, width_in) -> (outputs, width_out); row r of `graph`, part of Â, is output r."""
        return graph.times(self.linear(nodes)) + self.bias
