"""A worker's share of the ratings, under integer codes: no id goes through the driver, and none is joined.

All ratings of a customer are in one partition, whose worker assigns its customers their codes alone. A product is owned
by the worker that its hash selects; each worker sends that one the ids it has, once, and receives their codes. Row r of
worker w, counted in order of id, has the code r * n + w in a group of n.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.cf.factorisation.solvers import Codes, Floats
from cartograph.core.search.topk import vectors_of
from cartograph.core.workers.groups import Group, no_values, placed

USERS, ITEMS = 0, 1
FACTORS = "side byte, id string, vector array<float>"
_BATCHES_AT_ONCE = 64  # Encoded together: only their distinct ids stay in memory as text.
_IDS = pa.dictionary(pa.int32(), pa.string())

Keys = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Ratings:
    """Ratings of a worker's own customers or products, in any order: own row, code on the other side, weight."""

    rows: Codes
    columns: Codes
    weights: Floats


@dataclass(frozen=True)
class Shard:
    """What a worker owns: `ids` of its customers and of its products, in order, and the ratings of its customers.

    `keys` are the hashes of its products, `factors` the initial ones, if any: rows of FACTORS.
    """

    ids: tuple[pa.Array, pa.Array]
    keys: Keys
    ratings: Ratings
    factors: pa.Table

    @classmethod
    def of(cls, group: Group, batches: Iterable[pa.RecordBatch]) -> Shard:
        """From the rows of `worker_partitions`; all members of the group call this together."""
        customers, products, keys, weights, factors = [], [], [], [], []
        remaining = iter(batches)
        while some := list(islice(remaining, _BATCHES_AT_ONCE)):
            table = pa.Table.from_batches(some)
            if "side" in table.column_names:
                factors.append(table.filter(pc.is_valid(table["side"])).select(["side", "id", "vector"]))
                table = table.filter(pc.is_null(table["side"]))
            customers += table["id"].dictionary_encode().chunks
            products += table["product_id"].dictionary_encode().chunks
            keys.append(table["key"].to_numpy())
            weights.append(table["weight"].to_numpy())
        rows, own = _encoded(customers)
        positions, local = _encoded(products)
        key_of = np.zeros(len(local), np.int64)
        key_of[positions] = _joined(keys, np.int64)
        codes, own_products, own_keys = _agreed(group, local, key_of)
        ratings = Ratings(rows, codes[positions], _joined(weights, np.float32))
        return cls((own, own_products), own_keys, ratings, pa.concat_tables([_no_factors(), *factors]))

    def ratings_of_products(self, group: Group) -> Ratings:
        """The ratings of this worker's products, sent here by the owners of the customers."""
        given = self.ratings
        order, ends = by_owner(given.columns, group.size)
        columns = (given.columns // group.size, given.rows * group.size + group.rank, given.weights)
        sent = [pa.record_batch([pa.array(column[order]) for column in columns], ["rows", "columns", "weights"])]
        received = pa.concat_tables(group.exchange_rows(_cut(sent[0], ends)))
        return Ratings(*(received[name].to_numpy() for name in ("rows", "columns", "weights")))


def worker_partitions(weights: DataFrame, n_workers: int, factors: DataFrame | None = None) -> DataFrame:
    """The input of each worker, one partition each: id (of the customer), product_id, key (its hash), weight.

    With `factors`, also side and vector: rows with a side are a factor and its id.

    Args:
        weights: user_id, product_id, weight; one row per pair.
        n_workers: of the group.
        factors: rows of FACTORS to start from, partitioned by owner.
    """
    ids = [F.col(name).cast("string").alias(name) for name in ("user_id", "product_id")]
    rows = weights.select(*ids, F.col("weight").cast("float")).withColumnRenamed("user_id", "id")
    rows = rows.withColumn("key", F.xxhash64("product_id"))
    if factors is not None:
        no_factor = {"side": F.lit(None).cast("byte"), "vector": no_values("float")}
        rows = rows.withColumns(no_factor).unionByName(factors, allowMissingColumns=True)
    return placed(rows.withColumn("block", F.pmod(F.xxhash64("id"), F.lit(n_workers))), "block", n_workers)


def factors_of(rows: DataFrame, side: int, name: str) -> DataFrame:
    """The factors of one side, from rows of FACTORS: id as `name`, vector."""
    return rows.where(F.col("side") == side).select(F.col("id").alias(name), "vector")


def by_owner(codes: Codes | Keys, n_workers: int) -> tuple[Keys, Keys]:
    """An order that groups codes by owner, rank by rank, and where each rank ends."""
    owners = codes % n_workers
    return np.argsort(owners, kind="stable"), np.cumsum(np.bincount(owners, minlength=n_workers))


def factor_batches(side: int, ids: pa.Array, factors: Floats, rows_per_batch: int = 10_000) -> Iterable[pa.RecordBatch]:
    """Factors of one side as rows of FACTORS."""
    for first in range(0, len(factors), rows_per_batch):
        some = factors[first : first + rows_per_batch]
        sides = pa.array(np.full(len(some), side, dtype=np.int8))
        yield pa.record_batch([sides, ids.slice(first, len(some)), vectors_of(some)], ["side", "id", "vector"])


def _agreed(group: Group, local: pa.Array, keys: Keys) -> tuple[Codes, pa.Array, Keys]:
    """Codes of the products of this worker's ratings; ids and keys of those that it owns."""
    order, ends = by_owner(keys, group.size)
    asked = pa.record_batch([local.take(pa.array(order)), pa.array(keys[order])], ["id", "key"])
    questions = group.exchange_rows(_cut(asked, ends))
    together = pa.concat_tables(questions)
    rows, own = _encoded(together["id"].dictionary_encode().chunks)
    own_keys = np.zeros(len(own), np.int64)
    own_keys[rows] = together["key"].to_numpy()
    answers = group.exchange(np.split(rows, np.cumsum([len(asked) for asked in questions])[:-1]))
    codes = np.empty(len(local), np.int32)
    codes[order] = np.concatenate([answer * group.size + rank for rank, answer in enumerate(answers)])
    return codes, own, own_keys


def _encoded(parts: list[pa.DictionaryArray]) -> tuple[Codes, pa.Array]:
    """The position of each id among the distinct ids in order, and these."""
    whole = pa.chunked_array(parts, _IDS).unify_dictionaries().combine_chunks()
    ids = whole.dictionary
    order = pc.sort_indices(ids)
    positions = np.empty(len(ids), np.int32)
    positions[order.to_numpy()] = np.arange(len(ids), dtype=np.int32)
    return positions[whole.indices.to_numpy()], ids.take(order)


def _cut(rows: pa.RecordBatch, ends: Keys) -> list[pa.RecordBatch]:
    """The rows up to each end, and from there to the next."""
    return [rows.slice(first, last - first) for first, last in zip([0, *ends], ends, strict=False)]


def _joined(parts: list[npt.NDArray[Any]], kind: type[np.generic]) -> npt.NDArray[Any]:
    return np.concatenate([np.empty(0, kind), *parts])


def _no_factors() -> pa.Table:
    return pa.schema({"side": pa.int8(), "id": pa.string(), "vector": pa.list_(pa.float32())}).empty_table()
