"""Features of customers, of products and of the pairs of them, computed from the events before a day."""

from __future__ import annotations

from datetime import date

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

RECENT_DAYS = 30

_PAIR = ["user_id", "product_id"]
_SECONDS_PER_DAY = 86_400.0


def product_features(events: DataFrame, as_of: date) -> DataFrame:
    """One row per product sold before `as_of`: popularity, trend, age, price and repeat purchases.

    Columns: product_id, product_buyers (log of the number of customers), product_recent (log of the purchases of the
    last 30 days), product_trend (log of their ratio to the purchases of the 30 days before), product_age and
    product_idle (days since the first and the last purchase), product_price (mean log price), product_again (share of
    purchases that were not a customer's first).
    """
    bought = _purchases(events, as_of)
    ago = F.col("days_ago")
    counted = bought.groupBy("product_id").agg(
        F.countDistinct("user_id").alias("n_buyers"),
        F.count(F.lit(1)).alias("n"),
        _number_of(ago <= RECENT_DAYS).alias("n_recent"),
        _number_of((ago > RECENT_DAYS) & (ago <= 2 * RECENT_DAYS)).alias("n_before"),
        F.max(ago).alias("product_age"),
        F.min(ago).alias("product_idle"),
        F.avg("log_price").alias("product_price"),
    )
    return counted.select(
        "product_id",
        F.log1p("n_buyers").alias("product_buyers"),
        F.log1p("n_recent").alias("product_recent"),
        F.log((F.col("n_recent") + 1) / (F.col("n_before") + 1)).alias("product_trend"),
        "product_age",
        "product_idle",
        "product_price",
        (1 - F.col("n_buyers") / F.col("n")).alias("product_again"),
    )


def customer_features(events: DataFrame, as_of: date) -> DataFrame:
    """One row per customer with a purchase before `as_of`: frequency, recency, variety, repeat purchases and price.

    Columns: user_id, customer_days (log of the number of days with a purchase), customer_idle (days since the last
    one), customer_gap (mean days between them; null after a single one), customer_products (log of the number of
    products), customer_again (share of purchases that were repeats), customer_price (mean log price).
    """
    bought = _purchases(events, as_of)
    counted = bought.groupBy("user_id").agg(
        F.countDistinct("day").alias("n_days"),
        F.countDistinct("product_id").alias("n_products"),
        F.count(F.lit(1)).alias("n"),
        F.min("days_ago").alias("customer_idle"),
        F.max("days_ago").alias("first_ago"),
        F.avg("log_price").alias("customer_price"),
    )
    gap = (F.col("first_ago") - F.col("customer_idle")) / (F.col("n_days") - 1)
    return counted.select(
        "user_id",
        F.log("n_days").alias("customer_days"),
        "customer_idle",
        F.when(F.col("n_days") > 1, gap).alias("customer_gap"),
        F.log("n_products").alias("customer_products"),
        (1 - F.col("n_products") / F.col("n")).alias("customer_again"),
        "customer_price",
    )


def pair_features(events: DataFrame, as_of: date) -> DataFrame:
    """One row per customer and product with an event before `as_of`: purchases, their interval, and views.

    Columns: user_id, product_id, pair_days (days with a purchase), pair_idle and pair_first (days since the last and
    the first purchase), pair_due (pair_idle over the mean interval between purchases; null after a single one),
    pair_views (views and carts), pair_viewed (days since the last of these).
    """
    events_of_pairs = _aged(events.where("user_id IS NOT NULL AND event_type IN ('purchase', 'view', 'cart')"), as_of)
    bought, ago = F.col("event_type") == "purchase", F.col("days_ago")
    counted = events_of_pairs.groupBy(*_PAIR).agg(
        F.countDistinct(F.when(bought, F.col("day"))).alias("pair_days"),
        F.min(F.when(bought, ago)).alias("pair_idle"),
        F.max(F.when(bought, ago)).alias("pair_first"),
        _number_of(~bought).alias("pair_views"),
        F.min(F.when(~bought, ago)).alias("pair_viewed"),
    )
    mean_gap = (F.col("pair_first") - F.col("pair_idle")) / (F.col("pair_days") - 1)
    due = F.when(F.col("pair_days") > 1, F.col("pair_idle") / F.greatest(mean_gap, F.lit(1.0)))
    return counted.withColumn("pair_due", due)


def _purchases(events: DataFrame, as_of: date) -> DataFrame:
    """Purchases of known customers: user_id, product_id, days_ago, day, log_price (null if unknown)."""
    bought = events.where("user_id IS NOT NULL AND event_type = 'purchase'")
    price = F.when(F.col("unit_price") > 0, F.log("unit_price")) if "unit_price" in events.columns else F.lit(None)
    return _aged(bought.withColumn("log_price", price.cast("double")), as_of)


def _aged(events: DataFrame, as_of: date) -> DataFrame:
    """`events` with days_ago (fractional) and day."""
    seconds = F.unix_timestamp(F.lit(as_of).cast("timestamp")) - F.unix_timestamp("event_at")
    return events.withColumns({"days_ago": seconds / _SECONDS_PER_DAY, "day": F.to_date("event_at")})


def _number_of(condition: Column) -> Column:
    return F.count(F.when(condition, 1))
