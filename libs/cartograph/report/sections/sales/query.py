"""Orders, customers, items and revenue by week."""

from __future__ import annotations

from datetime import date, timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.report.report_day import ReportDay
from cartograph.report.rows import Values, rows_of

LABEL = "Sales"


def content(day: ReportDay) -> Values:
    """weeks, as `all_weeks` gives them."""
    sales = weekly_sales(day.read("silver.events"))
    return {"weeks": all_weeks(sales, day.totals["first_on"], day.totals["last_on"])}


def weekly_sales(events: DataFrame, limit: int = 520) -> list[Values]:
    """One row per week with purchases, oldest first: week (its Monday), n_orders, n_customers, n_items, revenue.

    Events are grouped to orders before these are counted, because exact distinct counts copy every row.
    """
    week = F.date_trunc("week", "event_at").cast("date").alias("week")
    revenue = F.sum(F.col("quantity") * F.col("unit_price")).alias("revenue")
    orders = events.where("event_type = 'purchase'").groupBy(week, "order_id", "user_id")
    sales = (
        orders.agg(F.sum("quantity").alias("n_items"), revenue)
        .groupBy("week")
        .agg(
            F.count_distinct("order_id").alias("n_orders"),
            F.count_distinct("user_id").alias("n_customers"),
            F.coalesce(F.sum("n_items"), F.lit(0)).alias("n_items"),
            F.coalesce(F.round(F.sum("revenue"), 2), F.lit(0.0)).alias("revenue"),
        )
    )
    return rows_of(sales.orderBy(F.desc("week")).limit(limit))[::-1]


def all_weeks(sales: list[Values], first_on: str | None, last_on: str | None) -> list[Values]:
    """The rows of `weekly_sales`, weeks without a sale filled in, each with n_days: how many of its days have data.

    Args:
        sales: of `weekly_sales`.
        first_on, last_on: days of the first and of the last event of any kind; None where there are none.
    """
    if not sales or first_on is None or last_on is None:
        return []
    known = {row["week"]: row for row in sales}
    first, last = date.fromisoformat(first_on), date.fromisoformat(last_on)
    monday = date.fromisoformat(sales[0]["week"])
    weeks = []
    while monday <= last:
        n_days = (min(last, monday + timedelta(days=6)) - max(first, monday)).days + 1
        nothing = {"week": monday.isoformat(), "n_orders": 0, "n_customers": 0, "n_items": 0, "revenue": 0.0}
        weeks.append(known.get(monday.isoformat(), nothing) | {"n_days": n_days})
        monday += timedelta(days=7)
    return weeks
