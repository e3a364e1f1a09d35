"""What counts as co-occurrence: orders and sessions, each as a set of products of bounded size.

The work on pairs grows with the square of a set, so a basket of 10,000 products would cost more than a million
ordinary ones and say less. Of a larger set some products are sampled by a hash: which ones differs from set to set, so
no product is left out of all of them.
"""

from __future__ import annotations

from dataclasses import replace

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from cartograph.core.model import Silver
from cartograph.core.views.baskets import distinct_items


def of_shoppers(data: Silver) -> Silver:
    """The same tables without the events and baskets of bots and wholesale customers (flags of silver.users)."""
    if data.users is None:
        return data
    flagged = data.users.where("is_bot OR is_wholesale").select("user_id")
    events, baskets = (frame.join(flagged, "user_id", "left_anti") for frame in (data.events, data.baskets))
    return replace(data, events=events, baskets=baskets)


def orders(baskets: DataFrame, max_products: int) -> DataFrame:
    """One row per order: product_ids, at most `max_products`."""
    return capped(distinct_items(baskets).withColumnRenamed("order_id", "key"), max_products).select("product_ids")


def sessions(events: DataFrame, event_types: tuple[str, ...], max_products: int) -> DataFrame:
    """One row per session with such events: product_ids, at most `max_products`."""
    seen = events.where(F.col("session_id").isNotNull() & F.col("event_type").isin(*event_types))
    return capped(sets_of(seen, F.col("session_id")), max_products).select("product_ids")


def sets_of(events: DataFrame, key: Column) -> DataFrame:
    """One row per key: key, product_ids."""
    return events.groupBy(key.alias("key")).agg(F.collect_set("product_id").alias("product_ids"))


def capped(sets: DataFrame, limit: int) -> DataFrame:
    """The same sets, `key` and `product_ids`; of a larger one the `limit` products with the smallest hash."""
    few = F.when(F.size("product_ids") > limit, F.slice(_by_hash("key"), 1, limit)).otherwise(F.col("product_ids"))
    return sets.select("key", few.alias("product_ids"))


def shuffled(sets: DataFrame) -> DataFrame:
    """The same sets, each in an order that depends on the set only: product_ids."""
    sorted_sets = sets.select(F.array_sort("product_ids").alias("product_ids"))
    keyed = sorted_sets.withColumn("key", F.xxhash64(F.concat_ws("\n", "product_ids")))
    return keyed.select(_by_hash("key").alias("product_ids"))


def _by_hash(key: str) -> Column:
    """The products of a set in order of a hash that differs from set to set."""
    placed = F.transform("product_ids", lambda item: F.struct(F.xxhash64(item, key).alias("at"), item.alias("item")))
    return F.transform(F.array_sort(placed), lambda pair: pair["item"])
