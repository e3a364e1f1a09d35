"""BPR steps down the slope of its formula, learns planted blocks in a group of any size, and folds new customers in."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from cartograph.cf.bpr import folded
from cartograph.cf.factorisation.bpr_kernel import step
from cartograph.cf.factorisation.bpr_training import averaged, train
from cartograph.cf.settings import BprSettings
from cartograph.core.workers.groups import Group
from tests.cf.local_shards import batches_of, matrices_of
from tests.core.local_group import in_group

N_USERS, N_ITEMS, N_BLOCKS = 60, 45, 3
SETTINGS = BprSettings(
    rank=6, iterations=60, learning_rate=0.1, regularisation=0.01, n_negatives=1, exchanges=3, seed=5
)
BLOCKS = np.arange(N_USERS)[:, None] % N_BLOCKS == np.arange(N_ITEMS) % N_BLOCKS
KNOWN = BLOCKS & (np.random.default_rng(1).random(BLOCKS.shape) < 0.5)
KNOWN[-1, -1] = True  # the last codes are in use


def trained(size: int, settings: BprSettings = SETTINGS) -> tuple[Any, Any]:
    """Vectors of customers and products that a group of `size` learns."""

    def work(group: Group) -> list[pa.RecordBatch]:
        pairs = [(int(user), int(item), 1.0) for user, item in np.argwhere(KNOWN)]
        return list(train(group, batches_of(pairs, group.rank, size), settings))

    rows: list[Any] = []
    for answer in in_group(size, work):
        if isinstance(answer, Exception):
            raise answer
        rows += [row for batch in answer for row in batch.to_pylist()]
    return matrices_of(rows, (N_USERS, N_ITEMS), settings.rank + 1)


def auc(scores: Any) -> float:
    """Share of pairs of a withheld product of the customer's block and one of another block, in the right order."""
    shares = [
        (row[BLOCKS[user] & ~KNOWN[user]][:, None] > row[~BLOCKS[user]]).mean() for user, row in enumerate(scores)
    ]
    return float(np.mean(shares))


def loss(user: Any, item: Any, other: Any, ridge: float) -> float:
    """The formula, biases being the last numbers of products."""
    ahead = user @ (item - other)
    squares = user[:-1] @ user[:-1] + item @ item + other @ other
    return float(np.log1p(np.exp(-ahead)) + ridge / 2 * squares)


def test_a_step_goes_down_the_slope_of_the_formula() -> None:
    rng, width, rate, ridge = np.random.default_rng(2), 5, 1e-3, 0.3
    before = rng.normal(size=(3, width))
    before[0, -1] = 1
    after = before.astype(np.float32)
    step(after[0], after[1], after[2], rate, ridge, True)
    for at, place in np.ndindex(before.shape):
        higher, lower = before.copy(), before.copy()
        higher[at, place] += 1e-5
        lower[at, place] -= 1e-5
        slope = (loss(*higher, ridge) - loss(*lower, ridge)) / 2e-5 if (at, place) != (0, width - 1) else 0.0
        assert after[at, place] - before[at, place] == pytest.approx(-rate * slope, abs=2e-6)
    alone = before.astype(np.float32)
    step(alone[0], alone[1], alone[2], rate, ridge, False)
    assert (alone[0] == after[0]).all()
    assert (alone[1:] == before[1:].astype(np.float32)).all()


@pytest.mark.parametrize(("size", "n_negatives"), [(1, 1), (3, 1), (2, 3)])
def test_withheld_products_of_the_block_rank_above_the_others(size: int, n_negatives: int) -> None:
    settings = SETTINGS.model_copy(update={"n_negatives": n_negatives})
    untrained = settings.model_copy(update={"learning_rate": 0.0})
    users, items = trained(size, settings)
    assert auc(users @ items.T) > 0.97
    users, items = trained(size, untrained)
    assert 0.3 < auc(users @ items.T) < 0.7


@pytest.mark.parametrize("size", [1, 3])
def test_the_same_seed_gives_the_same_vectors_for_a_group_of_the_same_size(size: int) -> None:
    first, again = trained(size), trained(size)
    other = trained(size, SETTINGS.model_copy(update={"seed": 6}))
    for one, same, different in zip(first, again, other, strict=True):
        assert (one == same).all()
        assert not np.allclose(one, different)


def test_workers_average_products_by_how_often_they_updated_them() -> None:
    before = np.zeros((4, 2), dtype=np.float32)
    counts = np.array([[1, 0, 5, 0], [3, 0, 0, 2]])

    def work(group: Group) -> Any:
        mine = np.full((4, 2), 8.0 + 4 * group.rank, dtype=np.float32) * (counts[group.rank] > 0)[:, None]
        return averaged(group, before, mine, counts[group.rank])

    for found in in_group(2, work):
        assert found[:, 0].tolist() == [(8 + 3 * 12) / 4, 0, 8, 12]


def test_a_new_customer_is_placed_among_similar_ones(spark: SparkSession) -> None:
    _, items = trained(1)
    vectors = [(f"p{item:02}", [float(x) for x in vector]) for item, vector in enumerate(items)]
    known = [(f"new{user}", [f"p{item:02}" for item in np.flatnonzero(KNOWN[user])]) for user in range(6)]
    asked = spark.createDataFrame([*known, ("stranger", ["?"])], "user_id string, product_ids array<string>")
    asked = asked.withColumn("mask", F.col("product_ids"))
    frame = spark.createDataFrame(vectors, "product_id string, vector array<float>").repartition(3)
    rows = {row.user_id: np.array(row.vector) for row in folded(asked, frame, SETTINGS).collect()}
    assert set(rows) == {user for user, _ in known}
    scores = np.array([rows[f"new{user}"] @ items.T for user in range(6)])
    assert auc(scores) > 0.97
    again = folded(asked.where("user_id = 'new3'"), frame, SETTINGS).head()
    assert again is not None
    assert (np.array(again.vector) == rows["new3"]).all()  # regardless of the other customers asked for
