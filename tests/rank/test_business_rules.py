"""What the rules of a shop hide, and the reason that is kept."""

from __future__ import annotations

from pyspark.sql import SparkSession

from cartograph.rank.business_rules import BusinessRules, with_rules

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


def hidden(spark: SparkSession, rules: BusinessRules) -> dict[str, dict[str, str]]:
    """Per customer the hidden products and the rule; everybody's list has all products in the order above."""
    facts = [(name, stock, price, brand, category, {"cost": cost} if cost else None)
             for name, (stock, price, brand, category, cost) in PRODUCTS.items()]  # fmt: skip
    products = spark.createDataFrame(
        facts, "product_id string, stock long, price double, brand string, category array<string>, "
        "attributes map<string,string>",
    )  # fmt: skip
    lists = spark.createDataFrame(
        [(user, name, rank, 0.5) for user in ("ann", "new") for rank, name in enumerate([*PRODUCTS, "unheard of"], 1)],
        "user_id string, product_id string, rank int, score double",
    )
    events = spark.createDataFrame(
        [("ann", "purchase", price) for price in (8.0, 10.0, 30.0)] + [("new", "purchase", 1.0)],
        "user_id string, event_type string, unit_price double",
    )
    found: dict[str, dict[str, str]] = {"ann": {}, "new": {}}
    rows = with_rules(lists, products, events, rules)
    assert rows.columns == [*lists.columns, "hidden_by"]
    for row in rows.where("hidden_by is not null").collect():
        found[row.user_id][row.product_id] = row.hidden_by
    return found


def test_each_rule_hides_what_it_names_and_what_is_unknown_is_shown(spark: SparkSession) -> None:
    rules = BusinessRules(
        min_stock=1, min_margin=0.2, max_price_ratio=5.0, blocked_products=["bad"], blocked_categories=["weapons"],
        blocked_brands=["Vile"], category_quota=2,
    )  # fmt: skip
    everybody = {"pot": "stock", "cup": "margin", "gun": "blocklist", "bad": "blocklist"}
    assert hidden(spark, rules) == {
        "ann": everybody | {"vase": "price_band"},  # mug and jug are the two of `home` that are left
        "new": everybody | {"jug": "quota"},  # one purchase makes no usual price: mug and vase are
    }


def test_quotas_count_by_the_level_asked_for(spark: SparkSession) -> None:
    found = hidden(spark, BusinessRules(category_quota=1, category_level=2))
    assert found["ann"] == found["new"] == {"cup": "quota", "bad": "quota"}
