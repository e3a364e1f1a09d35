"""What alternating least squares minimises, row by row, in the terms that the kernels of `solvers` take."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.linalg.blas import ssyrk

from cartograph.cf.factorisation.solvers import Floats, Starts
from cartograph.cf.settings import AlsSettings

_ROWS = 1024  # Summed in float32.


@dataclass(frozen=True)
class Objective:
    """Implicit (Hu, Koren, Volinsky 2008), over all pairs of customer u and product i:

        Σ_ui (1 + α w_ui) (p_ui - x_u · y_i)² + λ (Σ_u n_u^ν |x_u|² + Σ_i n_i^ν |y_i|²)

    where w is the weight of the pair (0 for most), p is 1 if there is one, and n counts a row's pairs. A negative
    weight is a confident no: p is 0, the confidence 1 + α |w|, and the pair is not counted. With ν = 1 this is
    MLlib's objective; Rendle et al. 2021 give reasons for others.
    Explicit (Zhou et al. 2008), over the known pairs only: Σ (w_ui - x_u · y_i)² and the same second part.
    """

    settings: AlsSettings

    def confidences(self, weights: Floats) -> Floats:
        """Confidence that a pair adds to the 1 (implicit) or 0 (explicit) of every pair."""
        if not self.settings.implicit:
            return np.ones(len(weights), dtype=np.float32)
        return np.abs(weights) * np.float32(self.settings.alpha)

    def targets(self, weights: Floats) -> Floats:
        """Confidence times preference of a pair."""
        if not self.settings.implicit:
            return weights
        return np.where(weights > 0, 1 + np.float32(self.settings.alpha) * weights, np.float32(0)).astype(np.float32)

    def ridges(self, starts: Starts, weights: Floats) -> Floats:
        """λ n^ν of each row; λ where nothing is counted, as the solution is zero anyway."""
        counts = np.maximum(self.counts(starts, weights), 1)
        return (self.settings.regularisation * counts**self.settings.frequency_power).astype(np.float32)

    def counts(self, starts: Starts, weights: Floats) -> npt.NDArray[np.int64]:
        """n of each row: its pairs, of the implicit kind those with a positive weight."""
        counted = np.ones(len(weights), dtype=bool) if not self.settings.implicit else weights > 0
        counts: npt.NDArray[np.int64] = np.diff(np.concatenate(([0], np.cumsum(counted)))[starts])
        return counts

    def gram(self, others: Floats) -> npt.NDArray[np.float64]:
        """Σ y yᵀ over a part of the other side: the contribution of pairs without a weight.

        In float32 over some rows at a time, by SciPy's BLAS: NumPy's is several times slower (`core.search.topk`).
        """
        upper = np.zeros((self.settings.rank, self.settings.rank))
        for first in range(0, len(others) if self.settings.implicit else 0, _ROWS):
            upper += ssyrk(1.0, others[first : first + _ROWS].T)
        return upper + np.triu(upper, 1).T
