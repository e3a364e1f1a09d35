"""Sparse matrices of a graph: products with dense ones, and samples of their rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional as N


@dataclass(frozen=True)
class Csr:
    """Row r has values[starts[r]:starts[r + 1]] at the columns there: long, long, float32."""

    starts: torch.Tensor
    columns: torch.Tensor
    values: torch.Tensor

    @classmethod
    def of(cls, rows: torch.Tensor, columns: torch.Tensor, values: torch.Tensor, n_rows: int) -> Csr:
        """The matrix with these entries, sorted; at most one entry per cell."""
        order = torch.from_numpy(np.lexsort((columns.cpu().numpy(), rows.cpu().numpy())))
        counts = torch.bincount(rows, minlength=n_rows)
        starts = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
        return cls(starts, columns[order].long(), values[order].float())

    def to(self, device: torch.device) -> Csr:
        """The same matrix on a device."""
        return Csr(self.starts.to(device), self.columns.to(device), self.values.to(device))

    def rows(self) -> torch.Tensor:
        """The row of each entry."""
        counts = self.starts.diff()
        return torch.repeat_interleave(torch.arange(len(counts), device=counts.device), counts)

    def times(self, dense: torch.Tensor, values: torch.Tensor | None = None) -> torch.Tensor:
        """The product with a dense matrix; gradients flow through it, and through `values` that replace the own ones.

        Rows of `dense` are not copied per entry. In float32 even if the rest is in mixed precision.
        """
        weights = self.values if values is None else values
        return N.embedding_bag(
            self.columns, dense.float(), self.starts, mode="sum", per_sample_weights=weights.float(),
            include_last_offset=True,
        )  # fmt: skip

    def sampled(self, rows: torch.Tensor, fanout: int) -> Csr:
        """These rows, in their order, each with its diagonal and at most `fanout` random other entries.

        Sampled entries are scaled so that products keep their expectation (neighbour sampling: Hamilton, Ying and
        Leskovec 2017).
        """
        counts, owner, first, places = self._entries(rows)
        is_own = self.columns[places] == rows[owner]
        keys = torch.where(is_own, 0.0, torch.rand(len(owner), device=rows.device, dtype=torch.float64))
        order = torch.argsort(owner + keys)  # Sorted, the owners stay the same.
        n_own = torch.zeros_like(counts).index_add(0, owner, is_own.long())
        left = torch.minimum(counts, n_own + fanout)
        kept = order[torch.arange(len(owner), device=rows.device) - first[owner] < left[owner]]
        scale = ((counts - n_own) / (left - n_own).clamp(min=1))[owner[kept]]
        values = self.values[places[kept]] * torch.where(is_own[kept], 1.0, scale)
        starts = torch.cat([left.new_zeros(1), left.cumsum(0)])
        return Csr(starts, self.columns[places[kept]], values)

    def at(self, rows: torch.Tensor) -> Csr:
        """These rows, in their order."""
        _, _, first, places = self._entries(rows)
        return Csr(first, self.columns[places], self.values[places])

    def _entries(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """The number of entries per row, the row of each entry, the start of each row, the positions of the entries."""
        counts = self.starts[rows + 1] - self.starts[rows]
        owner = torch.repeat_interleave(torch.arange(len(rows), device=rows.device), counts)
        first = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
        places = torch.arange(len(owner), device=rows.device) - first[owner] + self.starts[rows][owner]
        return counts, owner, first, places

    def without(self, hidden: torch.Tensor) -> Csr:
        """The matrix in which `hidden` rows and columns (a flag per column) have only a diagonal of one.

        Row r and column r are the same node.
        """
        rows = self.rows()
        is_own = rows == self.columns
        kept = ~(hidden[rows] | hidden[self.columns]) | is_own
        values = torch.where(is_own & hidden[rows], 1.0, self.values)
        counts = torch.bincount(rows[kept], minlength=len(self.starts) - 1)
        return Csr(torch.cat([counts.new_zeros(1), counts.cumsum(0)]), self.columns[kept], values[kept])


def entries_of(items: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The row and the code of each entry of padded rows (-1 after the last), row by row."""
    inside = items >= 0
    rows = torch.arange(len(items), device=items.device)[:, None].expand_as(items)
    return rows[inside], items[inside]


def normalised(rows: torch.Tensor, columns: torch.Tensor, weights: torch.Tensor, n: int) -> Csr:
    """Â = D^-1/2 (A + I) D^-1/2, D the row sums of A + I (Kipf and Welling 2017).

    Args:
        rows, columns, weights: entries of A without a diagonal; symmetric, each entry given in both directions.
        n: number of nodes.
    """
    own = torch.arange(n)
    degrees = torch.ones(n).index_add(0, rows.long(), weights.float())
    rows, columns = torch.cat([rows.long(), own]), torch.cat([columns.long(), own])
    values = torch.cat([weights.float(), torch.ones(n)]) * (degrees[rows] * degrees[columns]) ** -0.5
    return Csr.of(rows, columns, values, n)
