"""Errors of Spark running out of a resource, in one sentence with a remedy instead of two hundred lines of Java."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cartograph.core.errors import UserError
from cartograph.runtime.settings import SparkSettings


class OutOfResources(UserError):
    """A machine has too little memory or disk for the job; nothing is wrong with code or data."""


_WORKER = (
    "leave more of the machine's memory to Python: give the JVM less ({heap}), or run fewer tasks at a time "
    "(fewer cores in spark.master)"
)
# A pattern of Spark's message, its meaning, the remedy; the first that matches counts.
_BREAKDOWNS = (
    (
        r"Not enough memory to build and broadcast|Cannot broadcast the table (?:that is larger|over)",
        "a table that a join sends to all executors does not fit into the driver's memory",
        "set spark.conf.spark.sql.adaptive.autoBroadcastJoinThreshold to -1, or raise {driver}",
    ),
    (
        r"bigger than spark\.driver\.maxResultSize",
        "the results that tasks send back are larger than the driver accepts",
        "raise spark.conf.spark.driver.maxResultSize and {driver}",
    ),
    (
        r"No space left on device",
        "a disk is full",
        "free some space, or set spark.temp_dir to a folder on a larger disk",
    ),
    (
        r"Container (?:killed|marked as failed).{0,200}memory|OOMKilled|exceeding (?:physical )?memory limits",
        "the platform killed an executor that used more memory than its limit",
        "raise spark.executor_memory, or spark.conf.spark.executor.memoryOverhead for Python's share",
    ),
    (
        r"OutOfMemoryError|GC overhead limit exceeded|[Uu]nable to acquire \d+ bytes|UNABLE_TO_ACQUIRE_MEMORY",
        "the JVM is out of memory",
        "raise {heap}; spark.shuffle_partitions makes tasks smaller",
    ),
    (
        r"ExecutorLostFailure|Lost executor|Remote RPC client disassociated",
        "an executor was lost, usually because its machine ran out of memory",
        "raise {heap} or use more executors, and see the executor's log",
    ),
    (
        r"Python worker exited unexpectedly|Python worker failed to connect back",
        "a Python worker was killed, usually because the system ran out of memory",
        _WORKER,
    ),
    (
        r"Py4JNetworkError|Answer from Java side is empty|Java gateway process exited",
        "the driver's JVM was killed, usually because the system ran out of memory",
        "use a machine with more memory than {driver}, or lower that setting",
    ),
)


def breakdown(error: BaseException, spark: SparkSettings) -> OutOfResources | None:
    """The resource that ran out, and the remedy; None for any other error.

    Args:
        error: any exception of a step.
        spark: the settings of the session, which the remedy names with their values.
    """
    text = "\n".join(_texts(error))
    for pattern, meaning, remedy in _BREAKDOWNS:
        found = re.search(pattern, text)
        if found:
            line = text[text.rfind("\n", 0, found.start()) + 1 :].partition("\n")[0].strip()
            return OutOfResources(f"{meaning}: {remedy.format(**_settings(spark))}. Spark said: {line[:_LONGEST]}")
    return None


_LONGEST = 200  # letters that are quoted


def _texts(error: BaseException) -> Iterator[str]:
    """The messages of the error and of its causes."""
    seen: BaseException | None = error
    while seen is not None:
        yield f"{type(seen).__name__}: {seen}"
        seen = seen.__cause__ or seen.__context__


def _settings(spark: SparkSettings) -> dict[str, str]:
    """The settings that give memory, with their values."""
    driver = f"spark.driver_memory (now {spark.driver_memory or 'what spark-submit says'})"
    executor = f"spark.executor_memory (now {spark.executor_memory or 'what spark-submit says'})"
    is_local = (spark.master or "").startswith("local[")
    return {"driver": driver, "heap": driver if is_local else executor}
