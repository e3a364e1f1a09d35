"""What counts as together: orders, sessions, views of a session, customers, each as a set of products of bounded size.

The work on pairs grows with the square of a set, so a basket of 10,000 products would cost more than a million
ordinary ones and say less. Of a larger set some products are drawn by a hash: which ones differs from set to set, so
no product is left out of all of them.
"""

from __future__ import annotations

from dataclasses import replace

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from cartograph.core.baskets import distinct_items
from cartograph.core.model import Silver


def of_shoppers(data: Silver) -> Silver:
    """The same tables without the events and baskets of robots and wholesalers (flags of silver.users)."""
    if data.users is None:
        return data
    flagged = F.broadcast(data.users.where("is_bot OR is_wholesale").select("user_id"))
    events, baskets = (frame.join(flagged, "user_id", "left_anti") for frame in (data.events, data.baskets))
    return replace(data, events=events, baskets=baskets)


def orders(baskets: DataFrame, max_products: int) -> DataFrame:
    """One row per order: product_ids, at most `max_products`."""
    return _capped(distinct_items(baskets).withColumnRenamed("order_id", "key"), max_products).select("product_ids")


def sessions(events: DataFrame, event_types: tuple[str, ...], max_products: int) -> DataFrame:
    """One row per session with such events: product_ids, at most `max_products`."""
    seen = events.where(F.col("session_id").isNotNull() & F.col("event_type").isin(*event_types))
    return _capped(_sets(seen, F.col("session_id")), max_products).select("product_ids")


def customers(events: DataFrame, max_products: int) -> DataFrame:
    """One row per customer: key (long, a hash of the customer), product_ids touched, at most `max_products`."""
    touched = events.where("user_id IS NOT NULL AND event_type <> 'return'")
    return _capped(_sets(touched, F.xxhash64("user_id")), max_products)


def bought_in_turn(events: DataFrame, newest: int) -> DataFrame:
    """One row per order, and one per customer: product_ids in order of purchase, sources: the second of each.

    An order's products bear the times of its lines, a customer's the day of the first purchase: pairs of one order
    count once, by its lines, and where all lines bear one time they have no order. Of many products the `newest` count.
    """
    lines = events.where("event_type = 'purchase'").select("order_id", "user_id", "product_id", "event_at")
    in_orders = lines.groupBy(F.col("order_id").alias("buyer"), "product_id").agg(F.min("event_at").alias("at"))
    known = lines.where("user_id IS NOT NULL").groupBy(F.col("user_id").alias("buyer"), "product_id")
    by_customers = known.agg(F.date_trunc("day", F.min("event_at")).alias("at"))
    return _in_turn(in_orders, newest).unionByName(_in_turn(by_customers, newest))


def _in_turn(purchases: DataFrame, newest: int) -> DataFrame:
    """One row per buyer: product_ids and sources, of the `newest` products."""
    step = F.struct(F.unix_seconds("at").cast("double").alias("second"), "product_id")
    steps = F.slice(F.sort_array(F.collect_list(step), asc=False), 1, newest)
    listed = purchases.groupBy("buyer").agg(F.reverse(steps).alias("steps"))
    return listed.select(F.col("steps.product_id").alias("product_ids"), F.col("steps.second").alias("sources"))


def _sets(events: DataFrame, key: Column) -> DataFrame:
    return events.groupBy(key.alias("key")).agg(F.collect_set("product_id").alias("product_ids"))


def _capped(sets: DataFrame, limit: int) -> DataFrame:
    """The same sets, `key` and `product_ids`; of a larger one the `limit` products of the smallest hash."""
    placed = F.transform("product_ids", lambda item: F.struct(F.xxhash64(item, "key").alias("at"), item.alias("item")))
    drawn = F.transform(F.slice(F.array_sort(placed), 1, limit), lambda pair: pair["item"])
    few = F.when(F.size("product_ids") > limit, drawn).otherwise(F.col("product_ids"))
    return sets.select("key", few.alias("product_ids"))
