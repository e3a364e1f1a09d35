"""Which of several rows of one event is kept: equal lines of an order are added up, a second delivery counts once.

Shops without ids of lines write a line per piece, so equal lines of one order in one delivery are as many pieces; the
same order delivered again is the same lines again. Where a source gives events ids, an id that comes again with the
same content is a duplicate, and one with other content is a conflict: the latest content is kept, the others are set
aside, so that it does not matter in which order batches arrive.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from cartograph.core.tables.schema import columns_of
from cartograph.preprocess.events import content_of_stored, is_made

# Content goes before batches, so that which content wins does not depend on who delivered it when.
_NEWEST = ("event_at", "content", "n_equal", "batch_id", "delivery", "row_id")


def with_fates(good: DataFrame, stored: DataFrame | None) -> DataFrame:
    """The good rows of new batches, and stored events with the same ids, each with its `fate`.

    Columns of silver.events but returned_order_id, `row_id`, `is_new`, and `fate`: kept, merged (added to a kept line,
    whose `quantity` and `n_lines` count it), duplicate, or conflict.

    Args:
        good: the good rows of new batches, as `events.good_events` makes them.
        stored: silver.events without rows of these batches; None when nothing of it counts.
    """
    equal = Window.partitionBy("event_id", "content", "batch_id", "delivery")
    rows = good.withColumns({"is_new": F.lit(True), "n_lines": F.lit(1)})
    if stored is not None:
        same = stored.join(good.select("event_id").distinct(), "event_id", "left_semi")
        known = {"is_new": F.lit(False), "row_id": F.lit(""), "delivery": F.lit(""), "content": content_of_stored()}
        rows = rows.unionByName(same.withColumns(known).drop("returned_order_id"))
    rows = rows.repartition("event_id")  # both windows below are within an event
    counted = rows.withColumn("n_equal", F.when(F.col("is_new"), F.count("*").over(equal)).otherwise(F.col("n_lines")))
    newest = Window.partitionBy("event_id").orderBy(*[F.desc(name) for name in _NEWEST])
    first = {name: F.first(name).over(newest) for name in ("content", "batch_id", "delivery")}
    is_same_delivery = (F.col("batch_id") == first["batch_id"]) & (F.col("delivery") == first["delivery"])
    fate = (
        F.when(F.row_number().over(newest) == 1, "kept")
        .when(F.col("content") != first["content"], "conflict")
        .when(_is_line() & is_same_delivery, "merged")
        .otherwise("duplicate")
    )
    return _added_up(counted.withColumn("fate", fate)).drop("n_equal", "delivery")


def kept_lines(fated: DataFrame) -> DataFrame:
    """New rows that are kept: silver.events' columns but returned_order_id."""
    wanted = [name for name in columns_of("silver.events") if name != "returned_order_id"]
    return fated.where("is_new AND fate = 'kept'").select(*wanted)


def _is_line() -> Column:
    """Whether an event is a line of an order without an id of its own."""
    return is_made() & F.col("order_id").isNotNull()


def _added_up(rows: DataFrame) -> DataFrame:
    """Kept lines of an order count their equals."""
    is_several = F.col("is_new") & (F.col("fate") == "kept") & _is_line() & (F.col("n_equal") > 1)
    pieces = F.coalesce("quantity", F.lit(1.0)) * F.col("n_equal")
    return rows.withColumns(
        {
            "quantity": F.when(is_several, pieces).otherwise(F.col("quantity")),
            "n_lines": F.when(is_several, F.col("n_equal").cast("int")).otherwise(F.col("n_lines")),
        }
    )
