"""Worker groups: tasks of one stage know their rank, send arrays to each other, and fail together."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from cartograph.core.workers.groups import Group, TooFewSlots, WorkerLost, placed, run_group, slots
from tests.cluster import Cluster
from tests.core.local_group import in_group

SEEN = "rank int, size int, block long, n_rows long, heard double"


def count_and_report(group: Group, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """One row per member: its rank, the rows of its partition, and the sum of the ranks the others sent."""
    rows = pa.Table.from_batches(list(batches))
    heard = group.sum(np.array([float(group.rank)]))[0]
    block = rows.column("value").to_pylist()[0] % group.size
    yield pa.RecordBatch.from_pydict(
        {
            "rank": pa.array([group.rank], pa.int32()),
            "size": pa.array([group.size], pa.int32()),
            "block": pa.array([block], pa.int64()),
            "n_rows": pa.array([rows.num_rows], pa.int64()),
            "heard": [heard],
        }
    )


def fail_as_rank_one(group: Group, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Rank 1 dies where the others wait for it."""
    list(batches)
    if group.rank == 1:
        raise ValueError("rank 1 has had enough")
    group.sum(np.zeros(3))
    yield from ()


def members(spark: SparkSession, n: int) -> list[list[Any]]:
    """What the members of a group of `n` on 1,000 rows saw, in order of rank."""
    rows = spark.range(1000).selectExpr("id AS value", f"CAST(id % {n} AS INT) AS block")
    return [list(row) for row in run_group(placed(rows, "block", n), count_and_report, SEEN).orderBy("rank").collect()]


@pytest.mark.parametrize("n", [1, 2])
def test_every_member_has_its_own_rank_and_its_own_block(spark: SparkSession, n: int) -> None:
    ranks_together = n * (n - 1) / 2
    assert members(spark, n) == [[rank, n, rank, 1000 // n, ranks_together] for rank in range(n)]


def test_a_group_larger_than_the_cluster_is_refused_before_it_starts(spark: SparkSession) -> None:
    n = slots(spark) + 1
    rows = spark.range(10).selectExpr(f"CAST(id % {n} AS INT) AS block", "id AS value")
    with pytest.raises(
        TooFewSlots, match=f"group of {n} workers needs {n} free cores at once; this cluster has {n - 1}"
    ):
        run_group(placed(rows, "block", n), count_and_report, SEEN)


def test_when_a_member_dies_the_whole_group_fails_promptly_and_says_why(spark: SparkSession) -> None:
    rows = spark.range(10).selectExpr("CAST(id % 2 AS INT) AS block", "id AS value")
    start = time.monotonic()
    with pytest.raises(Exception, match=r"rank 1 has had enough|worker 1 of 2 ended"):
        run_group(placed(rows, "block", 2), fail_as_rank_one, SEEN)
    assert time.monotonic() - start < 120  # far less than the 300 s that a member waits for a silent one


def test_arrays_arrive_whole_and_in_order_of_rank() -> None:
    def swap(group: Group) -> list[list[float]]:
        outgoing = [np.full((other + 1, 2), 10.0 * group.rank + other) for other in range(group.size)]
        return [part.tolist() for part in group.exchange(outgoing)]

    for rank, heard in enumerate(in_group(3, swap)):
        assert heard == [[10.0 * other + rank] * 2 * (rank + 1) for other in range(3)]


def test_empty_arrays_and_arrays_larger_than_a_pipe_pass() -> None:
    def swap(group: Group) -> list[int]:
        sizes = [0, 300_000]
        return [part.size for part in group.exchange([np.ones(sizes[other], np.float32) for other in range(2)])]

    assert in_group(2, swap) == [[0, 0], [300_000, 300_000]]


def test_sums_are_the_same_to_the_last_bit_for_every_member() -> None:
    def total(group: Group) -> bytes:
        values = np.random.default_rng(group.rank).normal(size=(5, 3)) * 10.0**group.rank
        return group.sum(values).tobytes()

    sums = in_group(4, total)
    assert len(set(sums)) == 1
    expected = sum(np.random.default_rng(rank).normal(size=(5, 3)) * 10.0**rank for rank in range(4))
    assert np.frombuffer(sums[0]).reshape(5, 3) == pytest.approx(expected)


def test_members_notice_at_once_that_one_has_gone() -> None:
    def leave_or_wait(group: Group) -> float:
        start = time.monotonic()
        if group.rank == 2:
            raise ValueError("gone")
        with pytest.raises(WorkerLost, match="of 3 ended"):
            group.sum(np.zeros(1))
        return time.monotonic() - start

    *waited, gone = in_group(3, leave_or_wait, timeout_seconds=60)
    assert isinstance(gone, ValueError)
    assert all(seconds < 5 for seconds in waited)


def test_a_silent_member_is_given_up_after_the_timeout() -> None:
    def wait_for_rank_one(group: Group) -> None:
        if group.rank == 1:
            time.sleep(1.0)
        else:
            group.sum(np.zeros(1))

    lost, slept = in_group(2, wait_for_rank_one, timeout_seconds=0.2)
    assert slept is None
    assert isinstance(lost, WorkerLost)
    assert "received nothing from worker 1 for 0.2 s" in str(lost)


@pytest.mark.cluster
def test_members_on_different_machines_find_each_other(cluster: Cluster) -> None:
    assert cluster.run(members, 2) == [[0, 2, 0, 500, 1.0], [1, 2, 1, 500, 1.0]]
