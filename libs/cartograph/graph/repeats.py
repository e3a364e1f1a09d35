"""How often, and after how many days, customers buy the same product again."""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F


def repeats(events: DataFrame) -> DataFrame:
    """One row per product that some customer bought again on another day.

    Columns: product_id, n_buyers, n_repeaters (customers who bought it, who bought it again), repeat_share,
    median_days between, and spread: distance of the quartiles of these days over the median (0 for a calendar, about
    1.6 where purchases come by chance).

    Args:
        events: rows of silver.events.
    """
    days = events.where("event_type = 'purchase' AND user_id IS NOT NULL").select("user_id", "product_id", "event_on")
    one_by_one = Window.partitionBy("user_id", "product_id").orderBy("event_on")
    gaps = days.distinct().withColumn("gap", F.datediff("event_on", F.lag("event_on").over(one_by_one)))
    per_customer = gaps.groupBy("user_id", "product_id").agg(F.count("gap").alias("n_again"))
    per_product = per_customer.groupBy("product_id").agg(
        F.count("*").alias("n_buyers"), F.count_if(F.col("n_again") > 0).alias("n_repeaters")
    )
    named = per_product.join(_quartiles(gaps), "product_id")
    spread = (F.col("upper") - F.col("lower")) / F.col("median_days")
    return named.select(
        "product_id", "n_buyers", "n_repeaters", (F.col("n_repeaters") / F.col("n_buyers")).alias("repeat_share"),
        "median_days", spread.alias("spread"),
    )  # fmt: skip


def _quartiles(gaps: DataFrame) -> DataFrame:
    """Quartiles of the days between purchases, per product: lower, median_days, upper."""
    known = gaps.where("gap IS NOT NULL").groupBy("product_id")
    shares = {"lower": 0.25, "median_days": 0.5, "upper": 0.75}
    return known.agg(*[F.percentile("gap", F.lit(share)).alias(name) for name, share in shares.items()])
