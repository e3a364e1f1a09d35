"""Members of a group own customers and products, agree on their codes, and hold every rating once per side."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from cartograph.cf.factorisation.shards import FACTORS, ITEMS, USERS, Shard, by_owner, factor_batches, worker_partitions
from cartograph.core.workers.groups import Group
from tests.cf.local_shards import batches_of, key_of, product_id, user_id
from tests.core.local_group import in_group

RATINGS = [(u, i, float(1 + u + i)) for u in range(8) for i in range(6) if (3 * u + i) % 4 == 0]
RATED = sorted((user_id(user), product_id(item), weight) for user, item, weight in RATINGS)


def shards(size: int, factors: list[pa.RecordBatch] | None = None) -> list[tuple[Shard, Any]]:
    """Each member's shard and the ratings of its products; the last member of several is given nothing."""

    def work(group: Group) -> tuple[Shard, Any]:
        rest = size if size == 1 else size - 1
        given = batches_of(RATINGS, group.rank, rest, factors or ()) if group.rank < rest else []
        shard = Shard.of(group, given)
        return shard, shard.ratings_of_products(group)

    found = in_group(size, work)
    for answer in found:
        if isinstance(answer, Exception):
            raise answer
    return found


def named(ratings: Any, own: pa.Array, others: list[pa.Array]) -> list[tuple[str, str, float]]:
    """The ratings by id: own, other, weight."""
    n, ids = len(others), [other.to_pylist() for other in others]
    return [
        (own[row].as_py(), ids[column % n][column // n], weight)
        for row, column, weight in zip(*vars(ratings).values(), strict=True)
    ]


@pytest.mark.parametrize("size", [1, 3, 6])
def test_every_rating_is_held_by_the_owner_of_its_customer_and_of_its_product(size: int) -> None:
    members = shards(size)
    of_users, of_items = ([shard.ids[side] for shard, _ in members] for side in (USERS, ITEMS))
    by_user = [row for shard, _ in members for row in named(shard.ratings, shard.ids[USERS], of_items)]
    by_item = [row for shard, ratings in members for row in named(ratings, shard.ids[ITEMS], of_users)]
    assert sorted(by_user) == RATED
    assert sorted((user, item, weight) for item, user, weight in by_item) == RATED


@pytest.mark.parametrize("size", [1, 3])
def test_ids_are_owned_once_and_numbered_in_order_and_products_belong_where_their_hash_says(size: int) -> None:
    members = shards(size)
    for side, place in ((USERS, 0), (ITEMS, 1)):
        owned = [shard.ids[side].to_pylist() for shard, _ in members]
        assert all(ids == sorted(ids) for ids in owned)
        assert sorted(one for ids in owned for one in ids) == sorted({row[place] for row in RATED})
    for rank, (shard, _) in enumerate(members):
        assert [key_of(product) for product in shard.ids[ITEMS].to_pylist()] == shard.keys.tolist()
        assert all(key % size == rank for key in shard.keys)


def test_initial_factors_are_separated_from_ratings() -> None:
    ids = pa.array([product_id(1), product_id(2)])
    given = list(factor_batches(ITEMS, ids, np.arange(6, dtype=np.float32).reshape(2, 3), rows_per_batch=1))
    assert len(given) == 2
    ((shard, _),) = shards(1, given)
    rows = shard.factors.sort_by("id").to_pylist()
    assert rows == [{"side": 1, "id": "p001", "vector": [0, 1, 2]}, {"side": 1, "id": "p002", "vector": [3, 4, 5]}]
    assert len(shard.ratings.rows) == len(RATED)


def test_codes_are_put_beside_those_of_their_owner() -> None:
    order, ends = by_owner(np.array([5, -3, 3, 1, 7], dtype=np.int64), 3)
    assert order.tolist() == [1, 2, 3, 4, 0]
    assert ends.tolist() == [2, 4, 5]


def test_all_ratings_of_a_customer_go_to_one_worker_and_factors_to_their_owner(spark: SparkSession) -> None:
    weights = spark.createDataFrame(RATED, "user_id string, product_id string, weight double")
    factors = spark.createDataFrame([(1, product_id(item), [1.0]) for item in range(6)], FACTORS)
    rows = worker_partitions(weights, 3, factors).withColumn("at", F.spark_partition_id())
    owner = F.pmod(F.xxhash64("id"), F.lit(3))
    assert rows.where(F.col("at") != owner).count() == 0
    found = rows.where("side IS NULL").select("id", "product_id", "weight").collect()
    assert sorted(map(tuple, found)) == RATED
    assert rows.where("side IS NULL AND key <> xxhash64(product_id)").count() == 0
    assert rows.where("side = 1").count() == 6
