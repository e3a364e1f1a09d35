"""Rules of products, brands and categories; a product rule stays only where it beats its categories' rule."""

from __future__ import annotations

import pytest
from pyspark.sql import Row, SparkSession

from cartograph.rules.hierarchy import generalised_rules, groups_of
from tests.rules.baskets import frame

PRODUCTS = [
    ("cup1", "Acme", ["kitchen", "cups"]),
    ("cup2", "Acme", ["kitchen", "cups"]),
    ("tea1", "Leaf", ["food", "tea"]),
    ("tea2", "Leaf", ["food", "tea"]),
    ("odd", None, None),
]
# Cups and tea of any kind go together evenly, and cup2 with tea2 far more than that.
BASKETS = (
    [["cup1", "tea1"]] * 10 + [["cup1", "tea2"]] * 10 + [["cup2", "tea1"]] * 10 + [["cup2", "tea2"]] * 30
    + [["cup1"]] * 30 + [["cup2"]] * 10 + [["tea1"]] * 30 + [["tea2"]] * 10 + [["cup1", "cup2"]] * 5 + [["odd"]] * 55
)  # fmt: skip


@pytest.fixture(scope="module")
def rules(spark: SparkSession) -> dict[tuple[str, str], Row]:
    products = spark.createDataFrame(PRODUCTS, "product_id string, brand string, category array<string>")
    found = generalised_rules(frame(spark, BASKETS).coalesce(1), products, 0.01, 0.05, min_interest=1.1).collect()
    rules = {(row.antecedent, row.consequent): row for row in found}
    assert len(rules) == len(found)
    return rules


def test_groups_are_brands_and_every_part_of_a_category_path(spark: SparkSession) -> None:
    products = spark.createDataFrame(
        PRODUCTS[:1] + PRODUCTS[4:], "product_id string, brand string, category array<string>"
    )
    found = {(row.product_id, row.group, row.level) for row in groups_of(products).collect()}
    assert found == {
        ("cup1", "brand:Acme", "brand"),
        ("cup1", "category:kitchen", "category"),
        ("cup1", "category:kitchen/cups", "category"),
    }


def test_categories_and_brands_have_rules_of_their_own(rules: dict[tuple[str, str], Row]) -> None:
    row = rules["category:kitchen", "category:food"]
    # 60 baskets hold both, 105 a cup, 100 tea, of 200.
    assert (row.n_baskets, row.antecedent_level, row.consequent_level) == (60, "category", "category")
    assert row.confidence == pytest.approx(60 / 105)
    assert row.lift == pytest.approx(60 / 105 / (100 / 200))
    assert ("brand:Acme", "brand:Leaf") in rules
    # Everything from the kitchen is a cup here, so the finer categories say nothing that these two do not.
    assert ("category:kitchen/cups", "category:food/tea") not in rules


def test_a_product_rule_stays_only_where_it_beats_its_categories(rules: dict[tuple[str, str], Row]) -> None:
    # Cups have 55 + 55 baskets, 5 of them the same: the share of cup2 is 55 / 105, that of tea2 50 / 100.
    row = rules["cup2", "tea2"]
    from_both = 60 * 55 / 105 * 50 / 100
    from_one = 40 * 55 / 105  # baskets of any cup and tea2, of which cup2 would have its share
    from_other = 40 * 50 / 100  # baskets of cup2 and any tea
    assert row.interest == pytest.approx(30 / max(from_both, from_one, from_other))
    assert ("cup1", "tea1") not in rules
    assert ("cup2", "tea1") not in rules


def test_a_product_and_its_own_groups_make_no_rule(rules: dict[tuple[str, str], Row]) -> None:
    assert not any({"cup1", "category:kitchen"} == set(rule) for rule in rules)
    assert not any({"category:kitchen", "category:kitchen/cups"} == set(rule) for rule in rules)


def test_products_of_one_category_are_compared_with_its_pairs(spark: SparkSession) -> None:
    products = spark.createDataFrame(
        [(item, None, ["x"]) for item in ("a", "b", "c")], "product_id string, brand string, category array<string>"
    )
    baskets = [["a", "b"]] * 8 + [["a", "c"]] * 2 + [["b", "c"]] * 2 + [["c"]] * 4
    found = generalised_rules(frame(spark, baskets), products, 0.05, 0.0, min_interest=0.0).collect()
    interest = {(row.antecedent, row.consequent): row.interest for row in found}
    # 12 pairs; lines a 10, b 10, c 8 of 28: chance of a and b is 2 * 100 / (784 - 264).
    assert interest["a", "b"] == interest["b", "a"] == pytest.approx(8 / (12 * 200 / 520))
