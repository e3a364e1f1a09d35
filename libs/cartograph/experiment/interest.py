"""Interest in the products of lists that were shown: a view, a cart or a purchase within a window of days."""

from __future__ import annotations

from datetime import date

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

INTEREST = ("view", "cart", "purchase")  # event types


def elapsed(exposures: DataFrame, window_days: Column, as_of: date) -> DataFrame:
    """The lists shown to customers whose window is over at `as_of`, with the end of it as `until`.

    Args:
        exposures: rows of gold.exposures.
        window_days: length of the window; null: the list is left out.
        as_of: the day before which everything happened.
    """
    with_end = exposures.withColumn("window_days", window_days).withColumn(
        "until", F.expr("exposed_at + make_dt_interval(window_days)")
    )
    is_over = F.col("until") <= F.lit(as_of).cast("timestamp")
    return with_end.where(F.col("user_id").isNotNull() & is_over).drop("window_days")


def interesting(shown: DataFrame, events: DataFrame) -> DataFrame:
    """The rows of `shown` once per event of interest in their product within the window.

    Args:
        shown: user_id, product_id, exposed_at, until and more.
        events: rows of silver.events before `as_of`.
    """
    interest = events.where(F.col("event_type").isin(*INTEREST)).select("user_id", "product_id", "event_at")
    return shown.join(interest, ["user_id", "product_id"]).where("event_at >= exposed_at and event_at < until")
