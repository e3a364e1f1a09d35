"""What catalogues list, and how much of it is in stock, from delivery to delivery.

A catalogue is delivered in one of two ways. Either each delivery is complete (a daily dump): a product that the next
one lacks is no longer listed. Or it holds changes: products that it does not name are as before, and removed ones are
marked (is_listed). A delivery is one file, or several files with the same newest seen_at, which is its time.
"""

from __future__ import annotations

from collections.abc import Collection

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

WHOLE, CHANGES, AUTO = "whole", "changes", "auto"
_REPEATED = 2 / 3  # At least this share of a complete catalogue's products is in the next one.
_PRODUCT = ("source", "product_id")


def stated(records: DataFrame) -> DataFrame:
    """One row per catalogue row that names a product: source, batch_id, row_id, product_id, seen_at, is_listed, stock.

    Rows set aside for a price or a time that cannot be read still name their product. Records counted from order lines
    (n_seen) are not a catalogue.

    Args:
        records: of `products.checked_products`.
    """
    named = records.where("n_seen IS NULL AND product_id IS NOT NULL AND coalesce(rule, '') <> 'not_a_product'")
    is_listed = F.coalesce("is_listed", F.lit(True)).alias("is_listed")
    return named.select(*_PRODUCT, "batch_id", "row_id", "seen_at", is_listed, "stock")


def deliveries(rows: DataFrame, declared: DataFrame) -> DataFrame:
    """One row per batch: batch_id, source, deliveries (as declared), delivered_at (null: unknown).

    Args:
        rows: of `stated`.
        declared: batch_id, deliveries (whole, changes, auto).
    """
    times = rows.groupBy("source", "batch_id").agg(F.max("seen_at").alias("delivered_at"))
    return times.join(declared, "batch_id")


def whole_sources(rows: DataFrame, batches: DataFrame) -> list[str]:
    """The sources of undeclared deliveries that each repeat most of the one before: these are complete catalogues.

    A feed of changes hardly ever repeats two thirds of its products from each delivery to the next.

    Args:
        rows: of `stated`.
        batches: of `deliveries`.
    """
    timed = batches.where((F.col("deliveries") == AUTO) & F.col("delivered_at").isNotNull())
    following = Window.partitionBy("source").orderBy("delivered_at")
    order = timed.select("source", "delivered_at").distinct().withColumn("next", F.lead("delivered_at").over(following))
    of_batch = timed.select("source", "batch_id", "delivered_at").join(order, ["source", "delivered_at"])
    named = rows.join(F.broadcast(of_batch.drop("source")), "batch_id").select(*_PRODUCT, "delivered_at", "next")
    again = F.lead("delivered_at").over(Window.partitionBy(*_PRODUCT).orderBy("delivered_at"))
    repeated = named.distinct().withColumn("is_repeated", again.eqNullSafe(F.col("next"))).where("next IS NOT NULL")
    shares = repeated.groupBy("source", "delivered_at").agg(F.avg(F.col("is_repeated").cast("int")).alias("share"))
    least = shares.groupBy("source").agg(F.min("share").alias("share")).where(F.col("share") >= _REPEATED)
    return sorted(row.source for row in least.select("source").collect())


def listings(rows: DataFrame, batches: DataFrame, whole: Collection[str] = ()) -> DataFrame:
    """Rows of silver.listings: one per product and change of what its source's catalogue says about it.

    A stock missing from a change is as before; a stock missing from a complete catalogue is unknown. Rows without a
    time precede all others. Of two rows for one product and time, the one with the greatest batch_id and row_id counts,
    so the order of deliveries does not matter.

    Args:
        rows: of `stated`.
        batches: of `deliveries`.
        whole: of `whole_sources`.
    """
    is_whole = (F.col("deliveries") == WHOLE) | ((F.col("deliveries") == AUTO) & F.col("source").isin(*whole))
    known = batches.withColumn("is_whole", F.coalesce(is_whole & F.col("delivered_at").isNotNull(), F.lit(False)))
    statements = _statements(rows, known)
    following = Window.partitionBy(*_PRODUCT).orderBy("stated_at")
    times = known.where("is_whole").groupBy("source").agg(F.sort_array(F.collect_set("delivered_at")).alias("times"))
    # One row per source: there are few deliveries, however large they are.
    timed = statements.join(F.broadcast(times), "source", "left").withColumn("next_at", _next_delivery()).drop("times")
    stated_next = F.lead("stated_at").over(following)
    is_gone = F.col("next_at").isNotNull() & (stated_next.isNull() | (stated_next > F.col("next_at")))
    gone = timed.withColumn("is_gone", is_gone).where("is_gone AND is_listed").select(
        *_PRODUCT, F.col("next_at").alias("stated_at"), F.lit(False).alias("is_listed"),
        F.lit(None).cast("long").alias("stock"), F.lit(True).alias("is_whole"),
    )  # fmt: skip
    return _changes(statements.unionByName(gone))


def _statements(rows: DataFrame, batches: DataFrame) -> DataFrame:
    """What is stated about a product at a time: source, product_id, stated_at, is_listed, stock, is_whole."""
    dated = rows.join(F.broadcast(batches.select("batch_id", "is_whole", "delivered_at")), "batch_id")
    at = F.coalesce(F.when(F.col("is_whole"), F.col("delivered_at")), "seen_at", F.timestamp_seconds(F.lit(0)))
    last = F.max_by(F.struct("is_listed", "stock", "is_whole"), F.struct("batch_id", "row_id")).alias("state")
    by_time = dated.withColumn("stated_at", at).groupBy(*_PRODUCT, "stated_at").agg(last)
    return by_time.select(*_PRODUCT, "stated_at", "state.*")


def _next_delivery() -> Column:
    """When the next complete catalogue of the source was delivered, from times (sorted) and stated_at; null: never."""
    after = F.get("times", F.array_position("times", F.col("stated_at")).cast("int"))
    later = F.array_min(F.filter("times", lambda time: time > F.col("stated_at")))
    return F.when(F.col("is_whole"), after).otherwise(later)


def _changes(states: DataFrame) -> DataFrame:
    """The states of a product that differ from the previous one."""
    so_far = Window.partitionBy(*_PRODUCT).orderBy("stated_at")
    stock = F.when(F.col("is_whole"), F.col("stock")).otherwise(F.last("stock", ignorenulls=True).over(so_far))
    state = states.withColumn("stock", stock).withColumn("state", F.struct("is_listed", "stock"))
    before = state.withColumn("before", F.lag("state").over(so_far))
    return before.where(~F.col("state").eqNullSafe(F.col("before"))).select(
        *_PRODUCT, "stated_at", "is_listed", "stock"
    )
