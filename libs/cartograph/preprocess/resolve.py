"""What can only be seen from several events: sessions from pauses, and returns with the orders they return."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from cartograph.core.tables.schema import columns_of
from cartograph.preprocess.versions import kept_lines

_GAP = "gap-"  # Prefix of the session ids that are made here.
_LOOK_BACK = 50  # A return is matched to one of this many earlier lines of the same customer and product.
_SETTLED = ("session_id", "returned_order_id")  # The columns that other rows can change.


def resolved_events(versions: DataFrame, stored: DataFrame | None, session_gap_minutes: int) -> DataFrame:
    """Rows of silver.events that are new or changed.

    Args:
        versions: the events of new batches and stored events with their ids (`versions.with_outcomes`).
        stored: silver.events without rows of the new batches (leftovers of an interrupted run); None if there are none
            that count.
        session_gap_minutes: a longer pause ends a session.
    """
    null = F.lit(None).cast("string").alias("returned_order_id")
    new = kept_lines(versions).select("*", null)
    if stored is None:
        return _settled(new, session_gap_minutes).select(*columns_of("silver.events"))
    new = new.withColumn("before", F.lit(None).cast(_before(stored)))
    old = touched(versions, stored).select("*", F.struct(*_SETTLED).alias("before"))
    settled = _settled(new.unionByName(old), session_gap_minutes)
    changed = F.col("before").isNull() | ~F.col("before").eqNullSafe(F.struct(*_SETTLED))
    return settled.where(changed).select(*columns_of("silver.events"))


def _before(stored: DataFrame) -> str:
    return stored.select(F.struct(*_SETTLED).alias("before")).schema["before"].dataType.simpleString()


def touched(versions: DataFrame, stored: DataFrame) -> DataFrame:
    """Stored events that stay and that new rows may change: those of the same buyer."""
    kept = versions.where("is_new AND outcome = 'kept'")
    replaced = versions.where("NOT is_new AND outcome <> 'kept'")
    buyers = kept.select(buyer().alias("buyer")).union(replaced.select(buyer())).distinct()
    of_buyers = stored.withColumn("buyer", buyer()).join(buyers, "buyer", "left_semi").drop("buyer")
    return of_buyers.join(kept.select("event_id"), "event_id", "left_anti")


def buyer() -> Column:
    """Whose history an event is part of: the customer's, or for a guest the order's."""
    return F.coalesce("user_id", F.concat(F.lit("order "), "order_id"), F.concat(F.lit("event "), "event_id"))


def _settled(events: DataFrame, session_gap_minutes: int) -> DataFrame:
    """The same rows with sessions and returned orders, found in one shuffle by buyer."""
    by_buyer = events.withColumn("buyer", buyer()).repartition("buyer")
    return _with_returned_orders(_with_sessions(by_buyer, session_gap_minutes)).drop("buyer")


def _with_sessions(events: DataFrame, gap_minutes: int) -> DataFrame:
    """Sessions for customers' events that came without one: a pause longer than the gap starts a new session."""
    needs = F.col("session_id").isNull() | F.col("session_id").startswith(_GAP)
    open_ended = F.col("user_id").isNotNull() & F.col("event_type").isin("view", "cart", "purchase") & needs
    in_time = Window.partitionBy("buyer", "__open").orderBy("event_at")
    pause = F.unix_seconds("event_at") - F.unix_seconds(F.lag("event_at").over(in_time))
    started = F.when(pause.isNull() | (pause > gap_minutes * 60), F.unix_seconds("event_at"))
    marked = events.withColumn("__open", open_ended).withColumn("__start", started)
    start = F.max("__start").over(in_time.rowsBetween(Window.unboundedPreceding, Window.currentRow))
    name = F.concat(F.lit(_GAP), F.substring("user_id", 1, 16), F.lit("-"), start.cast("string"))
    return marked.withColumn("session_id", F.when(F.col("__open"), name).otherwise(F.col("session_id"))).drop(
        "__open", "__start"
    )


def _with_returned_orders(events: DataFrame) -> DataFrame:
    """Returns with the order they return: the one they name, else the last with enough pieces, else the last."""
    earlier = (
        Window.partitionBy("buyer", "product_id")
        .orderBy("event_at", "event_type", "event_id")
        .rowsBetween(-_LOOK_BACK, -1)
    )
    sold = F.when(F.col("event_type") == "purchase", F.struct("order_id", "quantity", "event_at"))
    candidates = F.transform(
        F.collect_list(sold).over(earlier),
        lambda order: F.struct(
            order["order_id"].eqNullSafe(F.col("order_id")).alias("is_named"),
            F.coalesce(order["quantity"] >= F.col("quantity"), F.lit(False)).alias("is_enough"),
            order["event_at"].alias("event_at"),
            order["order_id"].alias("order_id"),
        ),
    )
    found = F.when(F.col("event_type") == "return", F.array_max(candidates)["order_id"])
    return events.withColumn("returned_order_id", found)
