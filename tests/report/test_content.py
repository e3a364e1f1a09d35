"""Numbers of the page, from rows whose numbers are known."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from cartograph.report.sections.sales.query import all_weeks, weekly_sales
from cartograph.report.titles import titles
from cartograph.report.totals import shop_totals

MONDAY = datetime(2011, 5, 2)


@pytest.fixture(scope="module")
def events(spark: SparkSession) -> DataFrame:
    """7,000 purchases of 2,333 customers and a guest, 1,750 products, 3,500 orders, a second apart; a view later.

    Purchase n is of customer n mod 2,334 (the last of whom is the guest), product n mod 1,750 and order n div 2.
    """
    n = F.col("id")
    rows = spark.range(7_000).select(
        F.when(n % 2_334 < 2_333, F.concat(F.lit("u"), n % 2_334)).alias("user_id"),
        F.concat(F.lit("p"), n % 1_750).alias("product_id"),
        F.concat(F.lit("o"), F.floor(n / 2)).alias("order_id"),
        F.lit("purchase").alias("event_type"),
        F.lit(2).alias("quantity"),
        F.lit(3.5).alias("unit_price"),
        (F.lit(MONDAY) + F.make_dt_interval(secs=n)).alias("event_at"),
    )
    later = (MONDAY + timedelta(days=16), "u0", "p0", "view")
    view = spark.createDataFrame([later], "event_at timestamp, user_id string, product_id string, event_type string")
    return rows.unionByName(view, allowMissingColumns=True).persist()


def test_totals_are_exact(spark: SparkSession, events: DataFrame) -> None:
    baskets = events.where("order_id IS NOT NULL").select("order_id").distinct()
    products = spark.range(1_751)  # one of them never sold
    assert shop_totals(events, baskets, products) == {
        "n_events": 7_001, "n_orders": 3_500, "n_customers": 2_333, "n_products": 1_751,
        "first_on": "2011-05-02", "last_on": "2011-05-18",
    }  # fmt: skip


def test_a_shop_without_events_has_none_of_anything(events: DataFrame) -> None:
    totals = shop_totals(events.limit(0), events.limit(0), events.limit(0))
    assert {totals[name] for name in ("n_events", "n_orders", "n_customers", "n_products")} == {0}
    assert totals["first_on"] is None
    assert all_weeks([], None, None) == []


def test_orders_customers_and_money_of_a_week_are_exact(events: DataFrame) -> None:
    assert weekly_sales(events) == [
        {"week": "2011-05-02", "n_items": 14_000, "revenue": 49_000.0, "n_orders": 3_500, "n_customers": 2_333}
    ]


def test_weeks_without_a_sale_are_there_and_each_says_how_many_of_its_days_have_data() -> None:
    def week(monday: str, n: int) -> dict[str, object]:
        return {"week": monday, "n_orders": n, "n_customers": n, "n_items": n, "revenue": float(n)}

    sales = [week("2011-05-02", 4), week("2011-05-16", 9)]
    weeks = all_weeks(sales, "2011-05-06", "2011-05-24")
    assert [(each["week"], each["n_orders"], each["n_days"]) for each in weeks] == [
        ("2011-05-02", 4, 3), ("2011-05-09", 0, 7), ("2011-05-16", 9, 7), ("2011-05-23", 0, 2),
    ]  # fmt: skip


def test_titles_are_one_line_of_bounded_length_and_ids_stand_in_for_missing_ones(spark: SparkSession) -> None:
    rows = [("a", "two\nlines"), ("b", "x" * 500), ("c", None)]
    products = spark.createDataFrame(rows, "product_id string, title string")
    assert titles(products, {"a", "b", "c", "d"}) == {"a": "two lines", "b": "x" * 119 + "…", "c": "c", "d": "d"}
