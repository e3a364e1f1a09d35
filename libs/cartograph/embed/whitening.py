"""Whitening: vectors of different models made comparable, so that they can be concatenated.

Vectors of one model are centred, turned onto their principal axes, cut to the first of them and scaled so that all axes
have equal variance (Su et al. 2021, Whitening Sentence Representations). With few products, variance is noise as much
as structure: the covariance is shrunk towards a multiple of the identity by d / (n + d), for n products and d
dimensions.

Sums over products are made by tasks; the driver sees matrices of d x d.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.core.search.topk import Floats, matrix_of

Doubles = npt.NDArray[np.float64]

_SUMS = "model string, n long, sum array<double>, gram array<double>"
_LEAST_SHARE = 1e-4  # of the largest variance: axes with less are rounding errors


@dataclass(frozen=True)
class Whitening:
    """What is taken off a vector of length one, and what it is multiplied by."""

    mean: Doubles  # (d)
    axes: Doubles  # (d, width)

    def applied(self, vectors: pa.ListArray) -> tuple[Floats, npt.NDArray[np.bool_]]:
        """Whitened vectors of length one, and which rows have one: the others (null, zero) are rows of zeros."""
        present, unit = unit_rows(vectors)
        whitened = np.zeros((len(present), self.axes.shape[1]), dtype=np.float32)
        moved = (unit - self.mean) @ self.axes
        lengths = np.linalg.norm(moved, axis=1, keepdims=True)
        whitened[present] = moved / np.maximum(lengths, 1e-12)
        present[present] = lengths[:, 0] > 1e-9
        return whitened, present


def whitenings(side_by_side: DataFrame, models: Sequence[str], width: int) -> dict[str, Whitening]:
    """A whitening to at most `width` dimensions per model that has vectors which differ.

    Args:
        side_by_side: a column of vectors per model, null where a product has none.
        models: the columns.
        width: axes kept.
    """
    own_sums = side_by_side.select(*models).mapInArrow(partial(_sums, models=tuple(models)), _SUMS)
    sums = own_sums.repartition(len(models), F.col("model")).mapInArrow(_added, _SUMS).toArrow()
    found = {}
    for row in sums.to_pylist():
        whitening = _whitening(row["n"], np.array(row["sum"]), np.array(row["gram"]), width)
        if whitening is not None:
            found[row["model"]] = whitening
    return {name: found[name] for name in models if name in found}


def widths_of(found: Mapping[str, Whitening]) -> dict[str, int]:
    """Numbers that each model's whitened vectors have."""
    return {name: whitening.axes.shape[1] for name, whitening in found.items()}


def unit_rows(vectors: pa.ListArray) -> tuple[npt.NDArray[np.bool_], Doubles]:
    """Which vectors are there and are not zero, and those, of length one."""
    valid = np.asarray(pc.is_valid(vectors).to_numpy(zero_copy_only=False), dtype=np.bool_)
    if not valid.any():
        return valid, np.zeros((0, 1))
    rows = matrix_of(vectors.drop_null()).astype(np.float64)
    lengths = np.linalg.norm(rows, axis=1)
    valid[valid] = lengths > 0
    kept = lengths > 0
    return valid, rows[kept] / lengths[kept, None]


def _sums(batches: Iterable[pa.RecordBatch], models: tuple[str, ...]) -> Iterator[pa.RecordBatch]:
    """One row per model: number, sum and gram matrix of a task's vectors, of length one."""
    totals: dict[str, tuple[int, Doubles, Doubles]] = {}
    for batch in batches:
        for name in models:
            try:
                present, rows = unit_rows(batch.column(name))
            except ValueError as error:
                raise ValueError(f"model {name}: {error}") from error
            if present.any():
                _add(totals, name, len(rows), rows.sum(axis=0), rows.T @ rows)
    yield from _rows(totals)


def _added(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The rows of `_sums`, added up by model."""
    totals: dict[str, tuple[int, Doubles, Doubles]] = {}
    for batch in batches:
        for row in range(batch.num_rows):
            name, n = (batch.column(column)[row].as_py() for column in ("model", "n"))
            total, gram = (batch.column(column)[row].values.to_numpy() for column in ("sum", "gram"))
            _add(totals, name, n, total, gram.reshape(len(total), -1))
    yield from _rows(totals)


def _add(totals: dict[str, tuple[int, Doubles, Doubles]], name: str, n: int, total: Doubles, gram: Doubles) -> None:
    """Adds to the totals of a model.

    Raises:
        ValueError: its vectors have more than one length.
    """
    if name not in totals:
        totals[name] = (n, total, gram)
        return
    so_far = totals[name]
    if len(so_far[1]) != len(total):
        raise ValueError(f"model {name}: vectors must have one length, found {sorted((len(so_far[1]), len(total)))}")
    totals[name] = (so_far[0] + n, so_far[1] + total, so_far[2] + gram)


def _rows(totals: Mapping[str, tuple[int, Doubles, Doubles]]) -> Iterator[pa.RecordBatch]:
    kind = pa.list_(pa.float64())
    for name, (n, total, gram) in totals.items():
        columns = [pa.array([name]), pa.array([n], pa.int64()), pa.array([total], kind), pa.array([gram.ravel()], kind)]
        yield pa.RecordBatch.from_arrays(columns, names=["model", "n", "sum", "gram"])


def _whitening(n: int, total: Doubles, gram: Doubles, width: int) -> Whitening | None:
    """The whitening of n vectors; None if they are all the same."""
    d, mean = len(total), total / n
    covariance = gram.reshape(d, d) / n - np.outer(mean, mean)
    variances, axes = np.linalg.eigh(covariance)
    kept = np.argsort(variances)[::-1][:width]
    kept = kept[variances[kept] > max(_LEAST_SHARE * variances[-1], 1e-12)]
    if not len(kept):
        return None
    share = d / (n + d)
    shrunk = (1 - share) * variances[kept] + share * max(np.trace(covariance), 0.0) / d
    signs = np.sign(axes[np.abs(axes[:, kept]).argmax(axis=0), kept])  # an axis has no direction of its own
    return Whitening(mean, axes[:, kept] * signs / np.sqrt(shrunk))
