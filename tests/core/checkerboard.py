"""Checkerboard data: even customers buy even products, odd ones odd products, and customer i never product i.

So the one product that fits customer i and is new to them is product i. They all give one star to HATED. There are
two customers of whom nothing good is known: `returner` only brought a product back, `hater` only rates HATED.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from cartograph.core.model import Silver
from cartograph.core.tables.schema import columns_of, table
from cartograph.core.views.histories import histories

N = 16
HATED = "q"
START = datetime(2026, 1, 1, tzinfo=UTC)


def product(i: int) -> str:
    """Id of product `i`; ids sort as their numbers do."""
    return f"p{i:02}"


def checkerboard(spark: SparkSession) -> Silver:
    """Silver tables of N customers with one order each, and of two without any."""
    rows = [
        (
            f"e{user}-{item}",
            f"u{user:02}",
            product(item),
            "purchase",
            f"o{user}",
            START
            + timedelta(
                days=user, hours=(31 * item * item + 17 * user * item) % 101
            ),  # an order of each customer's own
        )
        for user in range(N)
        for item in range(user % 2, N, 2)
        if item != user
    ]
    haters = [*(f"u{user:02}" for user in range(N)), "hater"]
    others = [
        (f"r{place:02}", user, HATED, "rating", None, START + timedelta(days=place, hours=50), 1.0)
        for place, user in enumerate(haters)
    ]
    others.append(("back", "returner", product(2), "return", "o2", START + timedelta(days=9), None))
    named = "event_id string, user_id string, product_id string, event_type string, order_id string, event_at timestamp"
    given = spark.createDataFrame([(*row, None) for row in rows] + others, f"{named}, rating double")
    events = filled(given, "silver.events").withColumn("event_on", F.to_date("event_at"))
    products = spark.createDataFrame([(product(i),) for i in range(N)] + [(HATED,)], "product_id string")
    bought = events.where("event_type = 'purchase'")
    return Silver(events.persist(), _baskets(bought).persist(), filled(products, "silver.products"))


def users_of(data: Silver) -> DataFrame:
    """Histories of all customers, and of three that were not there before.

    `new` knows even products 0 and 2, `stranger` a product that nobody else knows, `nobody` none at all.
    """
    spark = data.events.sparkSession
    new = [("new", [product(0), product(2)]), ("stranger", ["no such product"]), ("nobody", [])]
    known = histories(data.events).select("user_id", "product_ids", "disliked_ids")
    rows = [(*row, []) for row in new]
    return known.unionByName(spark.createDataFrame(rows, known.schema))


def _baskets(events: DataFrame) -> DataFrame:
    return events.groupBy("order_id").agg(
        F.first("user_id").alias("user_id"),
        F.min("event_at").alias("ordered_at"),
        F.array_sort(F.collect_set("product_id")).alias("product_ids"),
    )


def filled(frame: DataFrame, name: str) -> DataFrame:
    """The frame with the table's other columns, null, in the table's order."""
    types = {field.name: field.dataType for field in table(name).columns}
    missing = {column: F.lit(None).cast(types[column]) for column in columns_of(name) if column not in frame.columns}
    return frame.withColumns(missing).select(*columns_of(name))
