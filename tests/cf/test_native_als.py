"""The native engine minimises what MLlib minimises, alike for any number of workers, and goes on where it was ended."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyspark.ml.recommendation import ALS
from pyspark.sql import DataFrame, SparkSession

from cartograph.cf import native_als
from cartograph.cf.native_als import factorise, native_factors
from cartograph.cf.objective import Objective, Schedule
from cartograph.core.workers import Group
from tests.cluster import Cluster
from tests.core.local_group import in_group

N_USERS, N_ITEMS = 60, 45
OBJECTIVE = Objective(rank=5, alpha=10.0, regularisation=0.05)
SCHEDULE = Schedule(iterations=4)


def triples() -> list[tuple[int, int, float]]:
    """Ratings of customers of three tastes, with some noise: user, item, weight."""
    rng = np.random.default_rng(5)
    tastes = rng.random((N_USERS, N_ITEMS)) < np.where(
        np.arange(N_USERS)[:, None] % 3 == np.arange(N_ITEMS) % 3, 0.5, 0.03
    )
    tastes[-1, -1] = True  # the last codes are in use
    return [(int(u), int(i), float(1 + (u + i) % 3)) for u, i in np.argwhere(tastes)]


def matrix() -> Any:
    ratings = np.zeros((N_USERS, N_ITEMS))
    for user, item, weight in triples():
        ratings[user, item] = weight
    return ratings


def loss(users: Any, items: Any, objective: Objective) -> float:
    """The objective from its definition, over all pairs."""
    ratings = matrix()
    confidence, preference = 1 + objective.alpha * ratings, ratings > 0
    squares = (confidence * (preference - users @ items.T) ** 2).sum()
    of_users = (preference.sum(axis=1) ** objective.frequency_power) @ (users**2).sum(axis=1)
    of_items = (preference.sum(axis=0) ** objective.frequency_power) @ (items**2).sum(axis=1)
    return float(squares + objective.regularisation * (of_users + of_items))


def batches_of(rank: int, size: int, state: list[pa.RecordBatch] | None = None) -> list[pa.RecordBatch]:
    """What the worker of that rank is given."""
    rows = [(0, user, item, weight, None) for user, item, weight in triples() if user % size == rank]
    rows += [(1, item, user, weight, None) for user, item, weight in triples() if item % size == rank]
    for batch in state or []:
        rows += [
            (row["side"], row["code"], None, None, row["vector"])
            for row in batch.to_pylist()
            if row["code"] % size == rank
        ]
    types = [pa.int8(), pa.int32(), pa.int32(), pa.float32(), pa.list_(pa.float32())]
    columns = [pa.array(list(column), kind) for column, kind in zip(zip(*rows, strict=True), types, strict=True)]
    return [pa.RecordBatch.from_arrays(columns, names=["side", "code", "column", "weight", "vector"])]


def factorised(
    size: int, n_iterations: int = 4, state: list[pa.RecordBatch] | None = None, **settings: Any
) -> list[pa.RecordBatch]:
    """What a group of `size` yields."""

    def work(group: Group) -> list[pa.RecordBatch]:
        given = batches_of(group.rank, size, state)
        return list(factorise(group, given, OBJECTIVE, SCHEDULE, n_iterations, **settings))

    answers = in_group(size, work)
    for answer in answers:
        if isinstance(answer, Exception):
            raise answer
    return [batch for answer in answers for batch in answer]


def factors(rows: list[Any]) -> tuple[Any, Any]:
    """Matrices of customers' and products' factors, from rows of side, code, vector."""
    matrices = (np.zeros((N_USERS, OBJECTIVE.rank)), np.zeros((N_ITEMS, OBJECTIVE.rank)))
    for row in rows:
        matrices[row["side"]][row["code"]] = row["vector"]
    return matrices


def as_rows(batches: list[pa.RecordBatch]) -> list[Any]:
    return [row for batch in batches for row in batch.to_pylist()]


@pytest.fixture
def ratings(spark: SparkSession) -> DataFrame:
    return spark.createDataFrame(triples(), "user int, item int, rating float")


def spark_factors(ratings: DataFrame, schedule: Schedule, n_workers: int | None = None) -> tuple[Any, Any]:
    users, items = native_factors(ratings, OBJECTIVE, schedule, n_workers)
    rows = [{"side": 0, **row.asDict()} for row in users.collect()]
    return factors(rows + [{"side": 1, **row.asDict()} for row in items.collect()])


@pytest.mark.parametrize("size", [2, 4])
def test_factors_do_not_depend_on_the_number_of_workers(size: int) -> None:
    alone, together = factors(as_rows(factorised(1))), factors(as_rows(factorised(size)))
    for one, other in zip(alone, together, strict=True):
        assert other == pytest.approx(one, rel=1e-3, abs=1e-4)


def test_factors_do_not_depend_on_the_size_of_a_round() -> None:
    whole, small = factors(as_rows(factorised(2))), factors(as_rows(factorised(2, round_ratings=20)))
    for one, other in zip(whole, small, strict=True):
        assert other == pytest.approx(one, rel=1e-4, abs=1e-5)


def test_two_iterations_and_two_more_are_four() -> None:
    halfway = factorised(2, n_iterations=2)
    for one, other in zip(factors(as_rows(factorised(3))), factors(as_rows(factorised(3, 2, halfway))), strict=True):
        assert other == pytest.approx(one, rel=1e-3, abs=1e-4)


def test_every_iteration_lowers_the_objective() -> None:
    losses = [loss(*factors(as_rows(factorised(2, n_iterations=n))), OBJECTIVE) for n in (1, 2, 4, 8)]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < 0.9 * losses[0]


def test_the_objective_reached_is_that_of_mllib(ratings: DataFrame) -> None:
    solver = ALS(rank=5, maxIter=15, regParam=0.05, alpha=10.0, implicitPrefs=True, seed=1)
    model = solver.fit(ratings)
    rows = [{"side": 0, "code": row.id, "vector": row.features} for row in model.userFactors.collect()]
    rows += [{"side": 1, "code": row.id, "vector": row.features} for row in model.itemFactors.collect()]
    expected = loss(*factors(rows), OBJECTIVE)
    for solver_name in ("cg", "cholesky"):
        found = loss(*spark_factors(ratings, Schedule(iterations=15, solver=solver_name)), OBJECTIVE)  # type: ignore[arg-type]
        assert found == pytest.approx(expected, rel=0.02)


def test_a_job_that_was_ended_goes_on_after_the_last_saved_iteration(
    ratings: DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    schedule = Schedule(iterations=4, checkpoint_every=2)
    expected = spark_factors(ratings, Schedule(iterations=4), 2)
    asked: list[int] = []

    def run_group(blocks: DataFrame, work: Any, schema: str, dies_at: int) -> DataFrame:
        asked.append(work.keywords["n_iterations"])
        if len(asked) == dies_at:
            raise ConnectionError("the power went off")
        return group(blocks, work, schema)

    group = native_als.run_group
    monkeypatch.setattr(native_als, "run_group", partial(run_group, dies_at=2))
    with pytest.raises(ConnectionError):
        spark_factors(ratings, schedule, 2)
    monkeypatch.setattr(native_als, "run_group", partial(run_group, dies_at=-1))
    found = spark_factors(ratings, schedule, 2)
    assert asked == [2, 2, 2]  # two, then two that failed, then only these two again
    for one, other in zip(expected, found, strict=True):
        assert other == pytest.approx(one, rel=1e-3, abs=1e-4)
    spark_factors(ratings, schedule, 2)
    assert asked[3:] == [2, 2]  # what was saved is gone once it has been used


def factors_on_cluster(spark: SparkSession) -> list[list[list[float]]]:
    ratings = spark.createDataFrame(triples(), "user int, item int, rating float")
    return [side.tolist() for side in spark_factors(ratings, SCHEDULE)]


@pytest.mark.cluster
def test_factors_on_a_real_cluster_are_the_same(cluster: Cluster) -> None:
    for one, other in zip(factors(as_rows(factorised(1))), cluster.run(factors_on_cluster), strict=True):
        assert np.array(other) == pytest.approx(one, rel=1e-3, abs=1e-4)
