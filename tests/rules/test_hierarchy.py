"""Rules of products, brands and categories; a product rule stays only where it beats its categories' rule."""

from __future__ import annotations

from itertools import product as product_pairs

import numpy as np
import pytest
from pyspark.sql import Row, SparkSession
from scipy.stats import hypergeom, poisson

from cartograph.rules.hierarchy import generalised_rules, groups_of
from tests.rules.baskets import frame

PRODUCTS = [
    ("cup1", "Acme", ["kitchen", "cups"]),
    ("cup2", "Acme", ["kitchen", "cups"]),
    ("tea1", "Leaf", ["food", "tea"]),
    ("tea2", "Leaf", ["food", "tea"]),
    ("odd", None, None),
]
MIXED = [
    ("a1", "Acme", ["home", "kitchen", "cups"]),
    ("a2", "Acme", ["home", "kitchen", "cups"]),
    ("a3", "Acme", ["home", "garden"]),
    ("b1", "Best", ["home", "kitchen", "pans"]),
    ("b2", "Best", ["home", "garden"]),
    ("c1", "Cosy", ["food"]),
]
EVERY_RULE = {"min_confidence": 0.0, "min_interest": 0.0}
SCHEMA = "product_id string, brand string, category array<string>"
# Cups and tea of any kind go together evenly, and cup2 with tea2 far more than that.
BASKETS = (
    [["cup1", "tea1"]] * 10 + [["cup1", "tea2"]] * 10 + [["cup2", "tea1"]] * 10 + [["cup2", "tea2"]] * 30
    + [["cup1"]] * 30 + [["cup2"]] * 10 + [["tea1"]] * 30 + [["tea2"]] * 10 + [["cup1", "cup2"]] * 5 + [["odd"]] * 55
)  # fmt: skip


@pytest.fixture(scope="module")
def rules(spark: SparkSession) -> dict[tuple[str, str], Row]:
    products = spark.createDataFrame(PRODUCTS, SCHEMA)
    found = generalised_rules(
        frame(spark, BASKETS).coalesce(1), products, min_support=0.01, min_confidence=0.05
    ).collect()
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
    assert row.p_value == pytest.approx(hypergeom.sf(59, 200, 105, 100))  # nothing is above kitchen and food
    assert ("brand:Acme", "brand:Leaf") in rules
    # Everything from the kitchen is a cup here, so the finer categories say nothing that these two do not.
    assert ("category:kitchen/cups", "category:food/tea") not in rules


def test_a_product_rule_stays_only_where_it_beats_its_categories(rules: dict[tuple[str, str], Row]) -> None:
    # Cups have 55 + 55 baskets, 5 of them the same: the share of cup2 is 55 / 105, that of tea2 50 / 100.
    row = rules["cup2", "tea2"]
    from_both = 60 * 55 / 105 * 50 / 100
    from_one = 40 * 55 / 105  # baskets of any cup and tea2, of which cup2 would have its share
    from_other = 40 * 50 / 100  # baskets of cup2 and any tea
    expected = max(from_both, from_one, from_other)
    assert row.interest == pytest.approx(30 / expected)
    assert row.p_value == pytest.approx(poisson.sf(29, expected))
    assert row.p_value <= row.q_value <= 1
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
    found = generalised_rules(frame(spark, baskets), products, min_support=0.05, **EVERY_RULE).collect()
    interest = {(row.antecedent, row.consequent): row.interest for row in found}
    # 12 pairs; lines a 10, b 10, c 8 of 28: the probability of a and b is 2 * 100 / (784 - 264).
    assert interest["a", "b"] == interest["b", "a"] == pytest.approx(8 / (12 * 200 / 520))


def test_products_bought_alone_make_no_rule_of_their_brand_and_their_category(spark: SparkSession) -> None:
    products = spark.createDataFrame(PRODUCTS, SCHEMA)
    alone = [["cup1"]] * 60 + [["tea1"]] * 40
    assert generalised_rules(frame(spark, alone), products, min_support=0.01, **EVERY_RULE).count() == 0
    # Two cups by Acme in one basket do: one stands for the brand, the other one for the category.
    both = generalised_rules(frame(spark, [*alone, ["cup1", "cup2"]]), products, min_support=0.001, **EVERY_RULE)
    found = {(row.antecedent, row.consequent): row.n_baskets for row in both.collect()}
    assert found["brand:Acme", "category:kitchen"] == found["cup1", "cup2"] == 1


def counted_by_hand(baskets: list[list[str]], min_count: int) -> dict[tuple[str, str], tuple[int, float, float]]:
    """Every rule with its baskets, confidence and lift, by looking for two different products in each basket."""
    members: dict[str, set[str]] = {}
    above: dict[str, set[str]] = {}
    for product, brand, category in MIXED:
        path = [f"category:{'/'.join(category[: n + 1])}" for n in range(len(category))]
        above[product] = {f"brand:{brand}", *path}
        for depth, name in enumerate(path):
            above.setdefault(name, set()).update(path[:depth])
        for name in (product, f"brand:{brand}", *path):
            members.setdefault(name, set()).add(product)
    n_item = {item: sum(bool(held & set(basket)) for basket in baskets) for item, held in members.items()}
    rules = {}
    for one, other in product_pairs(members, repeat=2):
        if one == other or one in above.get(other, ()) or other in above.get(one, ()):
            continue
        n = sum(any(a != b for a in members[one] & set(k) for b in members[other] & set(k)) for k in baskets)
        if n >= min_count:
            rules[one, other] = (n, n / n_item[one], n * len(baskets) / n_item[one] / n_item[other])
    return rules


def test_every_rule_counts_the_baskets_in_which_two_products_stand_for_its_sides(spark: SparkSession) -> None:
    """Brands across categories and categories of three levels, in baskets of one to four products."""
    rng = np.random.default_rng(2)
    names = [name for name, _, _ in MIXED]
    baskets = [[str(name) for name in rng.choice(names, rng.integers(1, 5), replace=False)] for _ in range(60)]
    rules = generalised_rules(
        frame(spark, baskets), spark.createDataFrame(MIXED, SCHEMA), min_support=0.05, **EVERY_RULE
    )
    found = {(row.antecedent, row.consequent): (row.n_baskets, row.confidence, row.lift) for row in rules.collect()}
    expected = counted_by_hand(baskets, 3)
    assert found.keys() == expected.keys()
    for rule, numbers in expected.items():
        assert found[rule] == pytest.approx(numbers), rule
