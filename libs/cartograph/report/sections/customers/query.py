"""What a few customers are recommended."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.report.report_day import ReportDay
from cartograph.report.rows import Values, rows_of

LABEL = "Customers"


def content(day: ReportDay) -> Values:
    """customers, as `example_customers` gives them."""
    settings, recommendations = day.settings, day.read("gold.recommendations")
    events = day.read("silver.events")
    return {"customers": example_customers(recommendations, events, settings.n_customers, settings.n_related)}


def product_ids(content: Values) -> set[str]:
    """What the customers bought and what they are recommended."""
    return {item["product_id"] for one in content["customers"] for item in (*one["past"], *one["shown"])}


def example_customers(recommendations: DataFrame, events: DataFrame, n_customers: int, n_rows: int) -> list[Values]:
    """A few customers, sampled by a hash: what they bought last and what they are recommended.

    Values: user_id, past (product_id, event_type, event_at, newest first), shown (product_id, models, why).
    """
    past = events.where("event_type = 'purchase'").join(
        recommendations.select("user_id").distinct(), "user_id", "left_semi"
    )
    sampled = past.select("user_id").distinct().orderBy(F.xxhash64("user_id"), "user_id").limit(n_customers)
    event = F.struct((-F.unix_timestamp("event_at")).alias("age"), "product_id", "event_type", "event_at")
    histories = past.join(F.broadcast(sampled), "user_id").groupBy("user_id").agg(
        F.slice(F.sort_array(F.collect_list(event)), 1, n_rows).alias("past")
    )  # fmt: skip
    lists = (
        recommendations.where(F.col("rank") <= n_rows)
        .join(F.broadcast(sampled), "user_id")
        .groupBy("user_id")
        .agg(F.sort_array(F.collect_list(F.struct("rank", "product_id", "models", "why"))).alias("shown"))
    )
    return rows_of(histories.join(lists, "user_id").orderBy(F.xxhash64("user_id"), "user_id"))
