"""How lists of next items are evaluated, by the benchmark and by its peers."""

from __future__ import annotations

from typing import Any

import numpy as np

LENGTHS = (5, 10, 20)


def hit_rate_and_ndcg(ranks: Any, n_users: int) -> dict[str, float]:
    """Over all users: the share whose item is among the first k, and the mean of 1 / log2(rank + 1) where it is."""
    metrics = {f"hr@{k}": float(np.sum(ranks <= k)) / n_users for k in LENGTHS}
    metrics |= {f"ndcg@{k}": float(np.sum(1 / np.log2(ranks[ranks <= k] + 1))) / n_users for k in LENGTHS}
    return {name: round(value, 5) for name, value in metrics.items()}
