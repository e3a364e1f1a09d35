"""What business rules hide, and the rule that is recorded."""

from __future__ import annotations

from datetime import datetime

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from cartograph.rank.reranking.availability import availability
from cartograph.rank.reranking.business_rules import forbidden_products, with_rules
from cartograph.rank.settings import BusinessRuleSettings

PRODUCTS = {  # stock, price, brand, category, cost
    "mug": (5, 10.0, "Acme", ["home", "cups"], "4"),
    "pot": (0, 20.0, "Acme", ["home", "pots"], "4"),
    "cup": (9, 10.0, None, ["home", "cups"], "9.5"),
    "vase": (9, 90.0, "Dear", ["home", "vases"], None),
    "gun": (9, 10.0, "Bang", ["toys", "weapons"], "what?"),
    "tea": (None, None, None, None, None),
    "jug": (9, 12.0, "Acme", ["home", "jugs"], "2"),
    "bad": (9, 12.0, "Vile", ["home", "jugs"], "2"),
}


def hidden(spark: SparkSession, rules: BusinessRuleSettings) -> dict[str, dict[str, str]]:
    """Per customer the hidden products and the rule; everybody's list has all products in the order above."""
    rows_of_products = [(name, stock, price, brand, category, {"cost": cost} if cost else None)
             for name, (stock, price, brand, category, cost) in PRODUCTS.items()]  # fmt: skip
    products = spark.createDataFrame(
        rows_of_products, "product_id string, stock long, price double, brand string, category array<string>, "
        "attributes map<string,string>",
    )  # fmt: skip
    available = products.select("product_id", F.col("product_id").isin("mug", "pot", "cup").alias("is_listed"), "stock")
    lists = spark.createDataFrame(
        [(user, name, rank, 0.5) for user in ("ann", "new") for rank, name in enumerate([*PRODUCTS, "unheard of"], 1)],
        "user_id string, product_id string, rank int, score double",
    )
    events = spark.createDataFrame(
        [("ann", "purchase", price) for price in (8.0, 10.0, 30.0)] + [("new", "purchase", 1.0)],
        "user_id string, event_type string, unit_price double",
    )
    found: dict[str, dict[str, str]] = {"ann": {}, "new": {}}
    rows = with_rules(lists, forbidden_products(products, available, rules), products, events, rules)
    assert rows.columns == [*lists.columns, "hidden_by"]
    for row in rows.where("hidden_by is not null").collect():
        found[row.user_id][row.product_id] = row.hidden_by
    return found


def test_each_rule_hides_its_products_and_unknown_values_are_shown(spark: SparkSession) -> None:
    rules = BusinessRuleSettings(
        listed_only=False, min_stock=1, min_margin=0.2, max_price_ratio=5.0, blocked_products=("bad",),
        blocked_categories=("weapons",), blocked_brands=("Vile",), category_quota=2,
    )  # fmt: skip
    everybody = {"pot": "stock", "cup": "margin", "gun": "blocklist", "bad": "blocklist"}
    assert hidden(spark, rules) == {
        "ann": everybody | {"vase": "price_band"},  # mug and jug are the two of `home` that are left
        "new": everybody | {"jug": "quota"},  # one purchase makes no usual price: mug and vase are
    }


def test_quotas_count_by_the_configured_category_level(spark: SparkSession) -> None:
    found = hidden(spark, BusinessRuleSettings(listed_only=False, min_stock=None, category_quota=1, category_level=2))
    assert found["ann"] == found["new"] == {"cup": "quota", "bad": "quota"}


def test_unlisted_and_sold_out_products_are_hidden_by_default(spark: SparkSession) -> None:
    gone = dict.fromkeys(("vase", "gun", "tea", "jug", "bad"), "not_listed")
    assert hidden(spark, BusinessRuleSettings())["ann"] == gone | {"pot": "stock"}
    assert hidden(spark, BusinessRuleSettings(listed_only=False, min_stock=None))["ann"] == {}


def test_a_product_is_listed_by_any_source_and_its_stock_is_the_total_of_these_sources(spark: SparkSession) -> None:
    listings = [("a", "mug", 1, True, 5), ("a", "mug", 9, False, None), ("b", "mug", 3, True, None),  # b does not count
                ("a", "pot", 1, True, 5), ("a", "pot", 9, True, 0), ("b", "pot", 3, True, 2),
                ("a", "cup", 1, True, 0), ("b", "cup", 1, True, None),  # unknown stock adds nothing
                ("a", "vase", 1, True, 7), ("a", "vase", 2, False, 7)]  # fmt: skip
    rows = [(source, product, datetime(2025, 5, day), *state) for source, product, day, *state in listings]
    schema = "source string, product_id string, stated_at timestamp, is_listed boolean, stock long"
    found = {
        row.product_id: (row.is_listed, row.stock)
        for row in availability(spark.createDataFrame(rows, schema)).collect()
    }
    assert found == {"mug": (True, None), "pot": (True, 2), "cup": (True, 0), "vase": (False, None)}
