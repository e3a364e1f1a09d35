"""Baskets, products, customers and the ledger out of checked and resolved rows."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from cartograph.core.cleaning.declaration import Cleaning
from cartograph.core.tables.schema import table
from cartograph.preprocess import ledger
from cartograph.preprocess.baskets import baskets
from cartograph.preprocess.products import checked_products, products, quarantined_products
from cartograph.preprocess.settings import CustomerFlags
from cartograph.preprocess.users import checked_users, quarantined_users, users
from tests.preprocess.conftest import KEY, Raw

MAY, JUNE = datetime(2024, 5, 1, 10), datetime(2024, 6, 1, 10)


def silver(spark: SparkSession, name: str, rows: list[dict[str, Any]]) -> DataFrame:
    columns = table(name).columns
    full = [{"event_on": (row.get("event_at") or MAY).date(), "event_at": MAY, **row} for row in rows]
    nullable = ", ".join(f"{field.name} {field.dataType.simpleString()}" for field in columns)
    return spark.createDataFrame([tuple(row.get(each) for each in columns.names) for row in full], nullable)


def test_a_basket_holds_the_distinct_products_of_an_order_guests_included(spark: SparkSession) -> None:
    def line(order: str, user: str | None, product: str, **more: Any) -> dict[str, Any]:
        return {"event_type": "purchase", "order_id": order, "user_id": user, "product_id": product, **more}

    rows = [
        line("O1", "ann", "lid", event_at=JUNE),
        line("O1", "ann", "cup"),
        line("O1", "ann", "cup"),
        line("O2", None, "cup"),
        line("O1", "ann", "pan", event_type="return"),
        line("O9", "ann", "pan", event_type="view"),
    ]
    found = {row.order_id: tuple(row)[1:] for row in baskets(silver(spark, "silver.events", rows)).collect()}
    assert found == {"O1": ("ann", MAY, ["cup", "lid"]), "O2": (None, MAY, ["cup"])}


def test_the_newest_known_value_of_an_attribute_wins(spark: SparkSession, raw: Raw, retail: Cleaning) -> None:
    records = raw(
        "products",
        [
            {"product_id": "cup", "title": " Old  cup", "price": "2", "stock": "5", "seen_at": "2024-05-01"},
            {"product_id": " cup", "title": "Cup &amp; saucer 250 ML", "price": "3", "seen_at": "2024-06-01"},
            {"product_id": "cup", "category": " Kitchen > > Cups", "seen_at": "2024-05-20", "attributes": {"c": "red"}},
            {"product_id": "cup", "price": "call us", "seen_at": "2024-07-01"},
            {"product_id": "POST", "title": "Postage"},
            {"product_id": "odd", "title": "Manual"},
            {"product_id": None, "title": "Nothing"},
            {"product_id": "lid", "stock": "1.5"},
            {"product_id": "lid", "price": "-1"},
            {"product_id": "lid", "seen_at": "someday"},
        ],
    )
    checked = checked_products([(records, retail)])
    reasons = {row.row_id: row.reason for row in quarantined_products(checked).collect()}
    assert reasons == {
        "r3": "price 'call us' is not a number",
        "r4": "product_id 'POST' is not a product",
        "r5": "title 'Manual' is not a product",
        "r6": "product_id is missing",
        "r7": "stock '1.5' is not a whole number",
        "r8": "price '-1' is negative",
        "r9": "seen_at 'someday' is not a time",
    }
    sold = spark.createDataFrame([("CUP", JUNE), ("only sold", MAY)], "product_id string, first_at timestamp")
    made = {row.product_id: row for row in products(checked.where("rule IS NULL"), sold, None).collect()}
    cup = made["CUP"]
    assert (cup.title, cup.price, cup.stock, cup.category) == ("Cup & saucer 250ml", 3.0, 5, ["Kitchen", "Cups"])
    assert (cup.attributes, cup.first_seen_at) == ({"c": "red"}, datetime(2024, 5, 1))
    assert (made["only sold"].title, made["only sold"].first_seen_at) == (None, MAY)
    assert set(made) == {"CUP", "only sold"}


def test_customers_have_their_newest_attributes_and_flags(spark: SparkSession, raw: Raw, flags: CustomerFlags) -> None:
    records = raw(
        "users",
        [
            {"user_id": "ann", "region": "North", "age_band": "30-39", "seen_at": "2024-05-01"},
            {"user_id": "ann ", "region": "South", "seen_at": "2024-06-01"},
            {"user_id": " NaN", "region": "East"},
            {"user_id": "bob", "seen_at": "12:00"},
        ],
    )
    checked = checked_users([(records, Cleaning())], KEY)
    assert {row.row_id: row.reason for row in quarantined_users(checked).collect()} == {
        "r2": "user_id is missing",
        "r3": "seen_at '12:00' is not a time",
    }
    [ann] = {row.user_id for row in checked.where("rule IS NULL").collect()}
    bought = {"event_type": "purchase", "product_id": "cup"}
    events = [{**bought, "user_id": "shop", "order_id": f"O{n}", "quantity": n * 150.0} for n in (1, 2, 3, 4)]
    events += [{**bought, "user_id": "once", "order_id": f"P{n}", "quantity": (1.0, 1.0, 900.0)[n]} for n in range(3)]
    hour = [MAY.replace(minute=n % 60, second=n // 60) for n in range(300)]
    events += [
        {"event_type": "view", "event_id": f"{user}{n}", "user_id": user, "product_id": "cup", "event_at": at}
        for user, n_views in (("robot", 300), ("keen", 299))
        for n, at in enumerate(hour[:n_views])
    ]
    # A basket of 299 lines is one action.
    events += [{**bought, "user_id": "big", "order_id": "B1", "quantity": 1.0, "event_id": f"B{n}"} for n in range(299)]
    silver_events = silver(spark, "silver.events", events)
    seen = silver_events.groupBy("user_id").agg({"event_at": "min"}).withColumnRenamed("min(event_at)", "first_at")
    made = {
        row.user_id: row for row in users(checked.where("rule IS NULL"), silver_events, seen, None, flags).collect()
    }
    assert (made[ann].region, made[ann].age_band, made[ann].first_seen_at) == ("South", "30-39", datetime(2024, 5, 1))
    assert {name for name, row in made.items() if row.is_wholesale} == {"shop"}
    assert {name for name, row in made.items() if row.is_bot} == {"robot"}
    assert set(made) == {ann, "shop", "once", "robot", "keen", "big"}


def entries(spark: SparkSession, *rows: tuple[int, int, int, int, int]) -> DataFrame:
    named = [(f"b{n}", "shop", *row) for n, row in enumerate(rows)]
    return spark.createDataFrame(named, table("silver.ledger").columns)


def test_a_balanced_ledger_has_totals_and_an_unbalanced_one_is_refused(spark: SparkSession) -> None:
    balanced = entries(spark, (10, 6, 1, 2, 1), (0, 0, 0, 0, 0))
    assert ledger.balanced_totals(balanced) == {
        "n_in": 10, "n_kept": 6, "n_merged": 1, "n_quarantined": 2, "n_duplicates": 1,
    }  # fmt: skip
    assert ledger.balanced_totals(balanced.limit(0))["n_in"] == 0
    with pytest.raises(ledger.LedgerMismatch) as error:
        ledger.balanced_totals(entries(spark, (10, 6, 1, 2, 1), (10, 7, 0, 2, 0), (5, 5, 1, 0, -1)))
    assert str(error.value) == (
        "rows were lost or duplicated:\n"
        "  - batch b1 of shop: 10 in, but 7 kept + 0 merged + 2 quarantined + 0 duplicates\n"
        "  - batch b2 of shop: 5 in, but 5 kept + 1 merged + 0 quarantined + -1 duplicates"
    )


def test_events_that_a_new_batch_replaces_become_duplicates_or_are_quarantined(spark: SparkSession) -> None:
    earlier = entries(spark, (10, 6, 1, 2, 1), (5, 5, 0, 0, 0), (4, 4, 0, 0, 0))
    kept = spark.createDataFrame(
        [("b0", 5, 0), ("b1", 3, 0), ("b2", 4, 0)], "batch_id string, n_kept long, n_merged long"
    )
    aside = spark.createDataFrame([("b0", 2), ("b1", 2), ("new", 9)], "batch_id string, n_quarantined long")
    found = sorted(tuple(row) for row in ledger.displaced(earlier, kept, aside).collect())
    assert found == [("b0", "shop", 10, 5, 0, 2, 3), ("b1", "shop", 5, 3, 0, 2, 0)]
