"""Groups of products besides orders and sessions: those of a customer, and purchases in their order."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.core.views.liking import with_liking
from cartograph.core.views.product_sets import capped, sets_of


def customers(events: DataFrame, max_products: int) -> DataFrame:
    """One row per customer: key (long, a hash of user_id), product_ids they interacted with, at most `max_products`.

    Ratings count if they are positive; returns do not count.
    """
    is_like = (F.col("event_type") != "rating") | (F.col("liking") > 0)
    touched = with_liking(events).where(is_like & (F.col("event_type") != "return") & F.col("user_id").isNotNull())
    return capped(sets_of(touched, F.xxhash64("user_id")), max_products)


def purchase_sequences(events: DataFrame, newest: int) -> DataFrame:
    """One row per order and one per customer: product_ids in order of purchase, sources: the time of each in seconds.

    The products of an order have the timestamps of its lines, those of a customer the day of the first purchase, so
    that a pair within an order counts once, by its lines; if all lines have the same timestamp it has no order. At most
    `newest` products are kept.
    """
    lines = events.where("event_type = 'purchase'").select("order_id", "user_id", "product_id", "event_at")
    in_orders = lines.groupBy(F.col("order_id").alias("buyer"), "product_id").agg(F.min("event_at").alias("at"))
    known = lines.where("user_id IS NOT NULL").groupBy(F.col("user_id").alias("buyer"), "product_id")
    by_customers = known.agg(F.date_trunc("day", F.min("event_at")).alias("at"))
    return _sequences(in_orders, newest).unionByName(_sequences(by_customers, newest))


def _sequences(purchases: DataFrame, newest: int) -> DataFrame:
    """One row per buyer: product_ids and sources of the `newest` products."""
    step = F.struct(F.unix_seconds("at").cast("double").alias("second"), "product_id")
    steps = F.slice(F.sort_array(F.collect_list(step), asc=False), 1, newest)
    listed = purchases.groupBy("buyer").agg(F.reverse(steps).alias("steps"))
    return listed.select(F.col("steps.product_id").alias("product_ids"), F.col("steps.second").alias("sources"))
