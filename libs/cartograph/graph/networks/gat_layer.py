"""The graph attention layer of Veličković et al. (2018): the weights of neighbours are learned."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as N

from cartograph.graph.networks.sparse import Csr


class GatLayer(nn.Module):
    """h'_i = ‖_heads Σ_j α_ij W h_j + b,  α_ij = softmax over j of LeakyReLU(a · [W h_i ‖ W h_j]), j = i among them.

    Args:
        width_in, width_out: dimension of the vectors of nodes before and after.
        heads: attention heads, whose outputs are concatenated; width_out is a multiple of it.
        dropout: dropout rate of α.
    """

    def __init__(self, width_in: int, width_out: int, heads: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.heads = heads
        self.dropout = dropout
        self.linear = nn.Linear(width_in, width_out, bias=False)
        self.of_self = nn.Parameter(torch.empty(heads, width_out // heads))
        self.of_other = nn.Parameter(torch.empty(heads, width_out // heads))
        self.bias = nn.Parameter(torch.zeros(width_out))
        for weights in (self.linear.weight, self.of_self, self.of_other):
            nn.init.xavier_uniform_(weights)

    def forward(self, nodes: torch.Tensor, graph: Csr) -> torch.Tensor:
        """(inputs, width_in) -> (outputs, width_out); output r is input r, and row r of `graph` its neighbours."""
        hidden = self.linear(nodes).view(len(nodes), self.heads, -1)
        shares = N.dropout(self.attention(hidden, graph), self.dropout, self.training)
        parts = [graph.times(hidden[:, head].contiguous(), shares[:, head]) for head in range(self.heads)]
        return torch.cat(parts, dim=1) + self.bias

    def attention(self, hidden: torch.Tensor, graph: Csr) -> torch.Tensor:
        """α of every entry of the graph: (inputs, heads, width) -> (entries, heads), with a sum of one per row."""
        rows, n_rows = graph.rows(), len(graph.starts) - 1
        own, others = (hidden[:n_rows] * self.of_self).sum(-1), (hidden * self.of_other).sum(-1)
        scores = N.leaky_relu(own[rows] + others[graph.columns], 0.2).float()
        index = rows[:, None].expand_as(scores)
        highest = scores.new_full((n_rows, self.heads), -torch.inf).scatter_reduce(0, index, scores.detach(), "amax")
        weights = torch.exp(scores - highest[rows])
        totals = torch.zeros_like(highest).index_add(0, rows, weights)
        return weights / totals[rows]
