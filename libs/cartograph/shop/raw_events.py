"""Raw events as the shop exports them: one JSON line each, every value text, dirt included."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import pyarrow as pa
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from cartograph.shop.dirt import KINDS, spoiled_text
from cartograph.shop.events import EVENT_TYPES, events_of_block
from cartograph.shop.plan import EVENTS_PER_BLOCK, Plan

COLUMNS = (
    "event_id", "user_id", "product_id", "event_type", "order_id", "session_id", "quantity", "unit_price", "rating",
    "event_at",
)  # fmt: skip
_NUMBERS = (
    "number long, customer long, product long, event_type_code long, order long, visit long, quantity_number long, "
    "cents long, rating_number long, at long, dirt_code long"
)
_RENAMED = {
    "event_type_code": "event_type",
    "quantity_number": "quantity",
    "rating_number": "rating",
    "dirt_code": "dirt",
}
BLOCKS_PER_TASK = 1_000_000 // EVENTS_PER_BLOCK


def raw_events(spark: SparkSession, plan: Plan, n_tasks: int | None = None) -> DataFrame:
    """One row per event, duplicates included: the text columns of `COLUMNS`, and `dirt` (kind, null if clean).

    Rows do not depend on the number of partitions, only their order between files does.
    """
    at_least = -(-plan.n_blocks // BLOCKS_PER_TASK)
    n_tasks = n_tasks or max(min(spark.sparkContext.defaultParallelism, plan.n_blocks), at_least)
    blocks = spark.range(0, plan.n_blocks, 1, n_tasks)
    return _as_text(blocks.mapInArrow(_generator(plan), _NUMBERS))


def raw_lines(events: DataFrame) -> DataFrame:
    """`value`: one line of JSON per event, cut in half where the line is corrupt, and its `dirt`."""
    line = F.to_json(F.struct(*COLUMNS))
    cut = F.substring(line, F.lit(1), (F.length(line) / 2).cast("int"))
    return events.select(F.when(F.col("dirt") == "corrupt_line", cut).otherwise(line).alias("value"), "dirt")


def _generator(plan: Plan) -> Callable[[Iterable[pa.RecordBatch]], Iterable[pa.RecordBatch]]:
    """A function from batches of block numbers to batches of events."""
    names = [field.split()[0] for field in _NUMBERS.split(", ")]

    def generate(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for block in batch.column(0).to_pylist():
                columns = events_of_block(plan, block)
                arrays = [pa.array(columns[_RENAMED.get(name, name)].astype(np.int64)) for name in names]
                yield pa.RecordBatch.from_arrays(arrays, names)

    return generate


def _as_text(numbers: DataFrame) -> DataFrame:
    """Numbers written out as text, then spoiled by their kind of dirt."""

    def identifier(prefix: str, column: str, width: int) -> Column:
        return F.when(F.col(column) >= 0, F.concat(F.lit(prefix), F.lpad(F.col(column).cast("string"), width, "0")))

    clean = numbers.select(
        "number",
        "cents",
        identifier("E", "number", 12).alias("event_id"),
        identifier("U", "customer", 9).alias("user_id"),
        identifier("P", "product", 6).alias("product_id"),
        F.element_at(F.array(*map(F.lit, EVENT_TYPES)), (F.col("event_type_code") + 1).cast("int")).alias("event_type"),
        identifier("O", "order", 12).alias("order_id"),
        identifier("S", "visit", 12).alias("session_id"),
        F.when(F.col("quantity_number") >= 0, F.col("quantity_number")).cast("string").alias("quantity"),
        F.when(F.col("cents") >= 0, (F.col("cents") / 100).cast("decimal(12,2)")).cast("string").alias("unit_price"),
        F.when(F.col("rating_number") >= 0, F.col("rating_number")).cast("string").alias("rating"),
        F.date_format(F.timestamp_seconds("at"), "yyyy-MM-dd HH:mm:ss").alias("event_at"),
        _dirt_name(),
    )
    changes = spoiled_text()
    spoiled = []
    for column in COLUMNS:
        value = F.col(column)
        for kind, columns in changes.items():
            if column in columns:
                value = F.when(F.col("dirt") == kind, columns[column]).otherwise(value)
        spoiled.append(value.alias(column))
    return clean.select(*spoiled, "dirt")


def _dirt_name() -> Column:
    names = F.array(*[F.lit(kind.name) for kind in KINDS])
    return F.when(F.col("dirt_code") >= 0, F.element_at(names, (F.col("dirt_code") + 1).cast("int"))).alias("dirt")
