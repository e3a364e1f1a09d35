"""The LightGCN text format (`user item item …` a line, `.gz` too) and its protocol. NumPy only: peers import it."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]


def read_interactions(path: str | Path) -> tuple[Ints, Ints]:
    """Users and items of every interaction, in the order of the file. A user without items has none."""
    with gzip.open(path, "rt") if str(path).endswith(".gz") else Path(path).open() as lines:
        rows = [np.array(line.split(), dtype=np.int64) for line in lines if line.strip()]
    users = np.repeat([row[0] for row in rows], [len(row) - 1 for row in rows])
    return users, np.concatenate([row[1:] for row in rows])


def recall_and_ndcg(test: tuple[Ints, Ints], ranked: tuple[Ints, Ints, Ints], k: int) -> dict[str, float]:
    """Mean recall@k and NDCG@k over all users of `test`; who got no list counts as zero.

    Recall is hits / test items; the ideal DCG has min(test items, k) hits at the top (He et al. 2020, LightGCN).

    Args:
        test: users, items.
        ranked: users, items, ranks (from 1) of the lists, training items left out.
    """
    n_items = int(max(test[1].max(), ranked[1].max(initial=0))) + 1
    n_users = int(max(test[0].max(), ranked[0].max(initial=0))) + 1
    test_pairs = np.unique(test[0] * n_items + test[1])
    n_test = np.bincount(test_pairs // n_items, minlength=n_users)
    users, items, ranks = (column[ranked[2] <= k] for column in ranked)
    hit = np.isin(users * n_items + items, test_pairs)
    hits = np.bincount(users[hit], minlength=n_users)
    gain = np.bincount(users[hit], weights=1 / np.log2(ranks[hit] + 1), minlength=n_users)
    ideal = np.concatenate(([0], np.cumsum(1 / np.log2(np.arange(2, k + 2)))))[np.minimum(n_test, k)]
    tested = n_test > 0
    return {
        f"recall@{k}": round(float(np.mean(hits[tested] / n_test[tested])), 5),
        f"ndcg@{k}": round(float(np.mean(gain[tested] / ideal[tested])), 5),
    }
