"""What a member of a group without Spark is given: ratings and factors as `cf.factorisation.shards` partitions them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from zlib import crc32

import numpy as np
import pyarrow as pa

Rating = tuple[int, int, float]
_KINDS = {
    "id": pa.string(), "product_id": pa.string(), "key": pa.int64(), "weight": pa.float32(),
    "side": pa.int8(), "vector": pa.list_(pa.float32()),
}  # fmt: skip


def user_id(number: int) -> str:
    return f"u{number:03}"


def product_id(number: int) -> str:
    return f"p{number:03}"


def key_of(product: str) -> int:
    """Stands in for Spark's hash; negative for some, as that one is."""
    return crc32(product.encode()) - 2**31


def batches_of(
    ratings: Sequence[Rating],
    rank: int,
    size: int,
    factors: Sequence[pa.RecordBatch] = (),
    names: tuple[Callable[[int], str], Callable[[int], str]] = (user_id, product_id),
) -> list[pa.RecordBatch]:
    """The rows of the member of that rank, in no particular order and in several batches."""
    user_name, product_name = names
    rows: list[dict[str, Any]] = [
        {
            "id": user_name(user),
            "product_id": product_name(item),
            "key": key_of(product_name(item)),
            "weight": weight,
        }
        for user, item, weight in ratings
        if key_of(user_name(user)) % size == rank
    ]
    given = [{"vector": [], **row} for row in rows] if factors else rows
    given += [row for batch in factors for row in batch.to_pylist() if key_of(row["id"]) % size == rank]
    names = list(_KINDS) if factors else list(_KINDS)[:4]
    shuffled = [given[at] for at in np.random.default_rng(rank).permutation(len(given))]
    columns = [pa.array([row.get(name) for row in shuffled], _KINDS[name]) for name in names]
    whole = pa.record_batch(columns, names)
    return [whole.slice(0, 7), whole.slice(7)]


def matrices_of(rows: Sequence[Any], shape: tuple[int, int], width: int) -> tuple[Any, Any]:
    """Vectors of customers and of products by number, from rows of side, id, vector."""
    matrices = (np.zeros((shape[0], width)), np.zeros((shape[1], width)))
    for row in rows:
        matrices[row["side"]][int(row["id"][1:])] = row["vector"]
    return matrices
