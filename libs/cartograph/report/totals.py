"""The totals at the head of the page."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.report.rows import Values, rows_of


def shop_totals(events: DataFrame, baskets: DataFrame, products: DataFrame) -> Values:
    """Totals of the shop: n_events, n_orders, n_customers, n_products, first_on, last_on.

    All are exact. Customers are those with an event, guests not counted: one group each. Products are those of the
    catalogue, sold or not.
    """
    moments = (F.min("event_at").alias("first_on"), F.max("event_at").alias("last_on"))
    by_customer = events.groupBy("user_id").agg(F.count(F.lit(1)).alias("n_events"), *moments)
    totals = by_customer.agg(
        F.coalesce(F.sum("n_events"), F.lit(0)).alias("n_events"),
        F.count("user_id").alias("n_customers"),
        F.min("first_on").alias("first_on"),
        F.max("last_on").alias("last_on"),
    )
    n_products = products.agg(F.count(F.lit(1)).alias("n_products"))
    n_orders = baskets.agg(F.count(F.lit(1)).alias("n_orders"))
    return rows_of(totals.join(n_products).join(n_orders))[0]
