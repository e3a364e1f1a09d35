"""Contributions to a score: the largest ones by name, and the rest, so that all sum to the score."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Codes = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

OTHER = "other"  # the name of the rest


def largest(codes: Codes, added: Floats, totals: Floats, n: int) -> tuple[Codes, Floats]:
    """Per score the codes and amounts of the `n` parts that add most, best first; then the rest, whose code is -2.

    Both are (scores, n + 1) and the amounts of a row sum to its total; the code is -1 where fewer parts add something.

    Args:
        codes: of the parts (scores, parts).
        added: what each adds (scores, parts).
        totals: the scores.
        n: parts that are named.
    """
    first = np.argsort(-added, axis=1, kind="stable")[:, :n]
    most = np.maximum(np.take_along_axis(added, first, axis=1), 0.0)
    named = np.where(most > 0, np.take_along_axis(codes, first, axis=1), -1)
    spare = ((0, 0), (0, n - first.shape[1]))
    rest = totals - most.sum(axis=1)
    kept = np.pad(named, spare, constant_values=-1)
    return np.column_stack([kept, np.full(len(added), -2)]), np.column_stack([np.pad(most, spare), rest])


def maps_of(codes: Codes, amounts: Floats, names: pa.Array) -> pa.MapArray:
    """A map per row of `largest`, from the names of the codes, and `other`, to the amounts."""
    every = pa.concat_arrays([names, pa.array([OTHER], names.type)])
    kept = codes != -1
    ends = np.concatenate(([0], np.cumsum(kept.sum(axis=1)))).astype(np.int32)
    named = np.where(codes == -2, len(names), codes)[kept]
    return pa.MapArray.from_arrays(pa.array(ends), every.take(pa.array(named)), pa.array(amounts[kept]))
