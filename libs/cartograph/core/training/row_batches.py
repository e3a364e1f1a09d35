"""Rows as named arrays: concatenated, shuffled and cut into batches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Rows = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Column:
    """A column of a feed: `width` is None for a scalar column, else the number of elements per row."""

    name: str
    width: int | None

    @property
    def files(self) -> list[str]:
        """Columns of the file that hold it: scalar columns are read without a Python object per row."""
        return [self.name] if self.width is None else [f"{self.name}__{place}" for place in range(self.width)]

    def of(self, rows: Rows) -> npt.NDArray[Any]:
        """Its values among the rows read from a file: (rows) or (rows, width)."""
        if self.width is None:
            return np.require(rows[self.name], requirements="W")  # Arrow's memory is read-only
        return np.stack([rows[name] for name in self.files], axis=1)


def n_rows_of(rows: Rows) -> int:
    """How many rows there are."""
    return len(next(iter(rows.values())))


def shuffled(parts: Iterator[Rows], n_rows: int, generator: np.random.Generator) -> Iterator[Rows]:
    """The same rows, `n_rows` or more of them shuffled together."""
    for rows in _gathered(parts, n_rows):
        order = generator.permutation(n_rows_of(rows))
        yield {name: values[order] for name, values in rows.items()}


def _gathered(parts: Iterator[Rows], n_rows: int) -> Iterator[Rows]:
    """Parts concatenated until they have `n_rows` or more; the last one may have fewer."""
    held: list[Rows] = []
    for part in parts:
        held.append(part)
        if sum(n_rows_of(rows) for rows in held) >= n_rows:
            yield _joined(held)
            held = []
    if held:
        yield _joined(held)


def _joined(parts: list[Rows]) -> Rows:
    if len(parts) == 1:
        return parts[0]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def rebatched(parts: Iterator[Rows], batch_size: int) -> Iterator[Rows]:
    """The same rows in batches of `batch_size`, the last one shorter."""
    rest: list[Rows] = []
    for part in parts:
        rows = _joined([*rest, part])
        n_rows = n_rows_of(rows)
        whole = n_rows - n_rows % batch_size
        for start in range(0, whole, batch_size):
            yield {name: values[start : start + batch_size] for name, values in rows.items()}
        rest = [{name: values[whole:] for name, values in rows.items()}] if whole < n_rows else []
    if rest:
        yield rest[0]
