"""Conjugate gradient of `solvers` on a GPU, with torch; on a CPU too, which the tests use."""

from __future__ import annotations

import numpy as np
import torch

from cartograph.cf.factorisation.solvers import Codes, Floats, Starts

_GATHERED_BYTES = 1 << 30  # Of the other side's rows, gathered rating by rating.


def improve_on(
    device: str,
    starts: Starts,
    columns: Codes,
    confidences: Floats,
    targets: Floats,
    ridges: Floats,
    fixed: Floats,
    gram: Floats,
    solved: Floats,
    n_steps: int,
) -> None:
    """Does what `solvers.improve` does, with the same arguments, on `device`.

    Rows are processed in batches of a gigabyte of gathered factors, so memory is bounded by that, by `fixed`
    and by the row with the most ratings. Sums go through sparse products, which add in a fixed order.
    """
    others, whole = torch.from_numpy(fixed).to(device), torch.from_numpy(gram).to(device)
    most = max(1, _GATHERED_BYTES // (4 * fixed.shape[1]))
    first, n_rows = 0, len(starts) - 1
    while first < n_rows:
        last = max(int(np.searchsorted(starts, starts[first] + most, side="right")) - 1, first + 1)
        some = slice(starts[first], starts[last])
        rows = _Rows(
            device, starts[first : last + 1] - starts[first], columns[some], confidences[some], others, whole,
            ridges[first:last],
        )  # fmt: skip
        start = torch.from_numpy(solved[first:last]).to(device)
        improved = _conjugate_gradient(rows, torch.from_numpy(targets[some]).to(device), start, n_steps)
        solved[first:last] = improved.cpu().numpy()
        first = last


class _Rows:
    """The matrices of some rows, never formed: `image` multiplies by them."""

    def __init__(
        self,
        device: str,
        starts: Starts,
        columns: Codes,
        confidences: Floats,
        others: torch.Tensor,
        gram: torch.Tensor,
        ridges: Floats,
    ) -> None:
        counts = np.diff(starts)
        self._starts = torch.from_numpy(starts).to(device)
        self._columns = torch.from_numpy(columns.astype(np.int64)).to(device)
        self._confidences = torch.from_numpy(confidences).to(device)
        self._others, self._gram = others, gram
        self._ridges = torch.from_numpy(ridges)[:, None].to(device)
        self._row_of = torch.from_numpy(np.repeat(np.arange(len(counts)), counts)).to(device)
        self.known = torch.from_numpy(counts > 0)[:, None].to(device)

    def image(self, x: torch.Tensor) -> torch.Tensor:
        """(G + Σ c y yᵀ + λ I) x of every row: (rows, k)."""
        products = (self._others[self._columns] * x[self._row_of]).sum(dim=1) * self._confidences
        return x @ self._gram + self._ridges * x + self.summed(products)

    def summed(self, values: torch.Tensor) -> torch.Tensor:
        """Σ value y of every row: (rows, k)."""
        shape = (len(self._starts) - 1, len(self._others))
        return torch.sparse_csr_tensor(self._starts, self._columns, values, shape) @ self._others


def _conjugate_gradient(rows: _Rows, targets: torch.Tensor, x: torch.Tensor, n_steps: int) -> torch.Tensor:
    """`x` after `n_steps`, zeros where a row has no ratings: (rows, k)."""
    x = torch.where(rows.known, x, torch.zeros_like(x))
    residual = torch.where(rows.known, rows.summed(targets) - rows.image(x), torch.zeros_like(x))
    direction, size = residual.clone(), (residual**2).sum(dim=1, keepdim=True)
    for _ in range(n_steps):
        image = rows.image(direction)
        going = size > 1e-20
        length = torch.where(going, size / (direction * image).sum(dim=1, keepdim=True), torch.zeros_like(size))
        x = x + length * direction
        residual = residual - length * image
        after = (residual**2).sum(dim=1, keepdim=True)
        direction = residual + torch.where(going, after / size, torch.zeros_like(size)) * direction
        size = after
    return x
