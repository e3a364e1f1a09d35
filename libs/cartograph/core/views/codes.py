"""Integer codes for business ids, for methods that index arrays. Codes live inside a model and never leave it."""

from __future__ import annotations

from itertools import accumulate

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

_ROW_BITS = 33  # monotonically_increasing_id keeps the partition above these bits and the row below


def numbered(frame: DataFrame, column: str) -> DataFrame:
    """One row per distinct value of `column`, nulls left out: value and code (int), 0, 1, 2 … in order of value.

    The values are range-partitioned and each partition counts on from the ones before, so no task sees them all.
    They are computed once and kept by the executors for as long as the frame is in use.
    """
    values = frame.select(column).where(F.col(column).isNotNull()).distinct()
    return in_order(values, column, "code").withColumn("code", F.col("code").cast("int"))


def in_order(frame: DataFrame, column: str, name: str) -> DataFrame:
    """The same rows and, as the column `name` (long), their places 0, 1, 2 … in order of `column`."""
    n_partitions = frame.sparkSession.sparkContext.defaultParallelism
    ordered = frame.repartitionByRange(n_partitions, column).sortWithinPartitions(column)
    placed = ordered.withColumn("_row", F.monotonically_increasing_id()).localCheckpoint()
    partition = F.shiftright("_row", _ROW_BITS).cast("int")
    sizes = {row["part"]: row["count"] for row in placed.groupBy(partition.alias("part")).count().collect()}
    lengths = [sizes.get(part, 0) for part in range(max(sizes, default=0) + 1)]
    firsts = F.array(*[F.lit(first).cast("long") for first in accumulate(lengths[:-1], initial=0)])
    row = F.col("_row").bitwiseAND((1 << _ROW_BITS) - 1)
    return placed.withColumn(name, F.get(firsts, partition) + row).drop("_row")
