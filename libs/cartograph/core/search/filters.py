"""Query filters by category and price range, applied to tiles of scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from numba import njit

Floats = npt.NDArray[np.float32]
Codes = npt.NDArray[np.int32]
Flags = npt.NDArray[np.bool_]

ITEM_COLUMNS = ("category", "price")
QUERY_COLUMNS = ("categories", "price_low", "price_high")


@dataclass(frozen=True)
class Attributes:
    """Category (as a position in `names`, -1 for none) and price (NaN for unknown) of every item."""

    names: pa.Array
    categories: Codes
    prices: Floats

    @classmethod
    def of(cls, tables: list[pa.Table]) -> Self | None:
        """Attributes of the items of `tables`, in order; None if they have neither category nor price."""
        items = pa.concat_tables(tables)
        if not set(ITEM_COLUMNS) & set(items.column_names):
            return None
        categories = np.full(items.num_rows, -1, dtype=np.int32)
        names = pa.array([], pa.string())
        if "category" in items.column_names:
            column = items.column("category").combine_chunks()
            names = column.drop_null().unique()
            categories = pc.fill_null(pc.index_in(column, value_set=names), -1).to_numpy(zero_copy_only=False)
        prices = np.full(items.num_rows, np.nan)
        if "price" in items.column_names:
            prices = items.column("price").cast(pa.float64()).to_numpy()
        return cls(names, categories.astype(np.int32), prices.astype(np.float32))


@dataclass(frozen=True)
class QueryFilter:
    """What each query of a batch allows.

    Categories are the `codes` between a row's `starts`, all if `any_category`; prices lie from `low` to `high`.
    """

    attributes: Attributes
    starts: npt.NDArray[np.int64]
    codes: npt.NDArray[np.int64]
    any_category: Flags
    low: Floats
    high: Floats

    @classmethod
    def of(cls, batch: pa.RecordBatch, attributes: Attributes | None) -> Self | None:
        """The filter of a batch of queries; None if it has none.

        Raises:
            ValueError: queries filter by category or price, and items have neither.
        """
        requested = set(QUERY_COLUMNS) & set(batch.schema.names)
        if not requested:
            return None
        if attributes is None:
            raise ValueError(f"queries have {', '.join(sorted(requested))}, but items have neither category nor price")
        n = batch.num_rows
        starts, codes, any_category = np.zeros(n + 1, np.int64), np.empty(0, np.int64), np.ones(n, dtype=bool)
        if "categories" in requested:
            lists = batch.column("categories")
            any_category = pc.is_null(lists).to_numpy(zero_copy_only=False)
            lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False)
            starts = np.concatenate(([0], np.cumsum(lengths, dtype=np.int64)))
            found = pc.fill_null(pc.index_in(lists.flatten(), value_set=attributes.names), -1)
            codes = found.to_numpy(zero_copy_only=False).astype(np.int64)
        bounds = {"price_low": -np.inf, "price_high": np.inf}
        for name in set(bounds) & requested:
            bounds[name] = pc.fill_null(batch.column(name).cast(pa.float64()), bounds[name]).to_numpy()
        low, high = (np.broadcast_to(bound, n).astype(np.float32) for bound in bounds.values())
        return cls(attributes, starts, codes, any_category, low, high)

    def hide(self, tile: Floats, row: int, column: int) -> None:
        """Sets to -inf the scores of items that are not allowed; the tile starts at query `row` and item `column`."""
        n_rows, n_columns = tile.shape
        allowed = np.zeros((n_rows, len(self.attributes.names) + 1), dtype=bool)
        allowed[self.any_category[row : row + n_rows]] = True
        begin, end = self.starts[row], self.starts[row + n_rows]
        rows = np.repeat(np.arange(n_rows), np.diff(self.starts[row : row + n_rows + 1]))
        known = self.codes[begin:end] >= 0
        allowed[rows[known], self.codes[begin:end][known]] = True
        some = slice(column, column + n_columns)
        low, high = self.low[row : row + n_rows], self.high[row : row + n_rows]
        hide_tile(tile, self.attributes.categories[some], self.attributes.prices[some], allowed, low, high)


@njit(cache=True, nogil=True)
def hide_tile(tile: Floats, categories: Codes, prices: Floats, allowed: Flags, low: Floats, high: Floats) -> None:
    """Hides scores by the category and price of their column; the last column of `allowed` means no category.

    A product of unknown price is shown only to queries without a bound on the price.
    """
    for row in range(tile.shape[0]):
        bounded = low[row] > -np.inf or high[row] < np.inf
        for column in range(tile.shape[1]):
            fits = allowed[row, categories[column]]  # -1 is the last
            if bounded:
                fits = fits and low[row] <= prices[column] <= high[row]
            if not fits:
                tile[row, column] = -np.inf
