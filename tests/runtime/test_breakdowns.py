"""Errors of Spark running out of a resource become one sentence with a remedy."""

from __future__ import annotations

import pytest

from cartograph.runtime.breakdowns import breakdown
from cartograph.runtime.config import load_config

BROADCAST = """An error occurred while calling o1204.count.
: java.util.concurrent.ExecutionException: java.lang.OutOfMemoryError: Not enough memory to build and broadcast the \
table to all worker nodes. As a workaround, you can either disable broadcast by setting \
spark.sql.autoBroadcastJoinThreshold to -1 or increase the spark driver memory by setting spark.driver.memory to a \
higher value.
\tat java.base/java.util.concurrent.FutureTask.report(FutureTask.java:122)
\tat java.base/java.util.concurrent.FutureTask.get(FutureTask.java:191)
"""
SAID = {
    BROADCAST: ("does not fit into the driver's memory", "spark.driver_memory (now 5g)"),
    "Job aborted: Total size of serialized results of 9 tasks (1.1 GiB) is bigger than spark.driver.maxResultSize "
    "(1024.0 MiB)": ("larger than the driver accepts", "spark.driver.maxResultSize"),
    "java.io.IOException: No space left on device": ("a disk is full", "spark.temp_dir"),
    "Lost task 0.0: ExecutorLostFailure (executor 3 exited) Reason: Container killed by YARN for exceeding physical "
    "memory limits. 5.5 GB of 5.5 GB used": ("the platform killed an executor", "memoryOverhead"),
    "Task 3 failed: java.lang.OutOfMemoryError: Java heap space": ("JVM is out of memory", "spark.driver_memory"),
    "[UNABLE_TO_ACQUIRE_MEMORY] Unable to acquire 65536 bytes of memory, got 0": (
        "out of memory",
        "shuffle_partitions",
    ),
    "ExecutorLostFailure (executor 1 exited caused by one of the running tasks)": ("an executor was lost", "log"),
    "org.apache.spark.SparkException: Python worker exited unexpectedly (crashed)": ("a Python worker", "less"),
    "Answer from Java side is empty": ("the driver's JVM was killed", "more memory than"),
}


@pytest.mark.parametrize("text", SAID, ids=[parts[0] for parts in SAID.values()])
def test_each_breakdown_is_one_sentence_with_a_remedy(text: str) -> None:
    found = breakdown(RuntimeError(text), load_config("local").spark)
    assert found is not None
    said = str(found)
    assert all(words in said for words in SAID[text])
    assert "\n" not in said
    assert len(said) < 600


def test_on_a_cluster_the_memory_of_executors_is_named() -> None:
    spark = load_config("cluster", ["spark.executor_memory=4g"]).spark
    said = str(breakdown(RuntimeError("java.lang.OutOfMemoryError: Java heap space"), spark))
    assert "raise spark.executor_memory (now 4g)" in said


def test_causes_of_an_error_are_searched_too() -> None:
    error = ValueError("the lists cannot be written")
    error.__cause__ = RuntimeError(BROADCAST)
    assert breakdown(error, load_config("local").spark) is not None


def test_other_errors_are_not_explained() -> None:
    assert breakdown(KeyError("product_id"), load_config("local").spark) is None
    assert breakdown(ConnectionError("Connection refused"), load_config("local").spark) is None
