"""Ordered pairs: how often one product was bought after another, counted in compiled code."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numba import njit

from cartograph.core.pairs.counts import Block, PairRows
from cartograph.core.pairs.kernels import Codes, Floats, Longs, Rows, emptied


def followed(block: Block, window_seconds: float, sum_gaps: bool) -> Iterator[PairRows]:
    """Rows of a block: per ordered pair the number of groups in which the second product followed within the window.

    Groups have `sources`, the time of each purchase in seconds. Products bought in the same second have no order.

    Args:
        sum_gaps: sum the seconds between the two instead of counting groups.
    """
    sums = np.zeros(len(block.catalogue.product_ids), dtype=np.int64)
    for rows, room in block.chunks():
        counts = follow_rows(
            rows, block.own, block.own_starts, block.own_groups, block.own_places, block.starts, block.members,
            block.sources, window_seconds, sum_gaps, sums, room,
        )  # fmt: skip
        yield PairRows(block, rows, *counts)


@njit(cache=True, nogil=True)
def follow_rows(
    rows: Longs, own: Longs, own_starts: Longs, own_groups: Longs, own_places: Longs, starts: Longs, members: Codes,
    seconds: Floats, window_seconds: float, sum_gaps: bool, sums: Longs, room: int,
) -> Rows:  # fmt: skip
    """Row starts, other products and their sums; arguments as in `core.pairs.kernels.weigh_rows`."""
    row_starts = np.zeros(len(rows) + 1, dtype=np.int64)
    others, values = np.empty(room, dtype=np.int32), np.empty(room, dtype=np.int64)
    end = 0
    for at in range(len(rows)):
        first = end
        for entry in range(own_starts[rows[at]], own_starts[rows[at] + 1]):
            group, since = own_groups[entry], seconds[own_places[entry]]
            for place in range(starts[group], starts[group + 1]):
                gap = np.int64(seconds[place] - since)
                if gap <= 0 or gap > window_seconds:
                    continue
                other = members[place]
                if sums[other] == 0:
                    others[end] = other
                    end += 1
                sums[other] += gap if sum_gaps else 1
        end = emptied(own[rows[at]], others, values, sums, first, end)
        row_starts[at + 1] = end
    return row_starts, others[:end], values[:end]
