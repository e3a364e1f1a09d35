"""Which of several rows of one event is kept: equal lines of an order are added up, a second delivery counts once.

Shops without line ids write one line per piece, so n equal lines of one order in one delivery are n pieces; the
same order delivered again repeats the same lines. Where a source gives events ids, a repeated id with the same content
is a duplicate, and one with different content is a conflict: the latest content is kept and the others are set aside,
so the order in which batches arrive does not matter.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from cartograph.core.tables.schema import columns_of
from cartograph.preprocess.events import content_of_stored, is_made

# Content precedes batches, so that which content wins does not depend on the order of deliveries.
_NEWEST = ("event_at", "content", "n_equal", "batch_id", "delivery", "row_id")


def with_outcomes(good: DataFrame, stored: DataFrame | None) -> DataFrame:
    """The good rows of new batches and stored events with the same ids, each with its `outcome`.

    Columns of silver.events except returned_order_id, `row_id`, `is_new`, and `outcome`: kept, merged (added to a kept
    line, whose `quantity` and `n_lines` include it), duplicate, or conflict.

    Args:
        good: the good rows of new batches, as `events.good_events` makes them.
        stored: silver.events without rows of these batches; None if there are none that count.
    """
    equal = Window.partitionBy("event_id", "content", "batch_id", "delivery")
    rows = good.withColumns({"is_new": F.lit(True), "n_lines": F.lit(1)})
    if stored is not None:
        same = stored.join(good.select("event_id").distinct(), "event_id", "left_semi")
        known = {"is_new": F.lit(False), "row_id": F.lit(""), "delivery": F.lit(""), "content": content_of_stored()}
        rows = rows.unionByName(same.withColumns(known).drop("returned_order_id"))
    rows = rows.repartition("event_id")  # Both windows below are within an event.
    counted = rows.withColumn("n_equal", F.when(F.col("is_new"), F.count("*").over(equal)).otherwise(F.col("n_lines")))
    newest = Window.partitionBy("event_id").orderBy(*[F.desc(name) for name in _NEWEST])
    first = {name: F.first(name).over(newest) for name in ("content", "batch_id", "delivery")}
    is_same_delivery = (F.col("batch_id") == first["batch_id"]) & (F.col("delivery") == first["delivery"])
    outcome = (
        F.when(F.row_number().over(newest) == 1, "kept")
        .when(F.col("content") != first["content"], "conflict")
        .when(_is_line() & is_same_delivery, "merged")
        .otherwise("duplicate")
    )
    return _added_up(counted.withColumn("outcome", outcome)).drop("n_equal", "delivery")


def kept_lines(versions: DataFrame) -> DataFrame:
    """New rows that are kept: silver.events' columns except returned_order_id."""
    columns = [name for name in columns_of("silver.events") if name != "returned_order_id"]
    return versions.where("is_new AND outcome = 'kept'").select(*columns)


def _is_line() -> Column:
    """Whether an event is a line of an order without an id of its own."""
    return is_made() & F.col("order_id").isNotNull()


def _added_up(rows: DataFrame) -> DataFrame:
    """The rows with the pieces of equal lines added to the line of an order that is kept."""
    is_several = F.col("is_new") & (F.col("outcome") == "kept") & _is_line() & (F.col("n_equal") > 1)
    pieces = F.coalesce("quantity", F.lit(1.0)) * F.col("n_equal")
    return rows.withColumns(
        {
            "quantity": F.when(is_several, pieces).otherwise(F.col("quantity")),
            "n_lines": F.when(is_several, F.col("n_equal").cast("int")).otherwise(F.col("n_lines")),
        }
    )
