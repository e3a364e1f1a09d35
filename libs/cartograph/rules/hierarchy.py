"""Rules between products, brands and categories: a rule of products stays only where it beats that of their groups.

After Srikant & Agrawal, "Mining generalized association rules" (1995): baskets are extended by the groups of their
products, and a rule is interesting when it holds more often than the rules of its groups predict.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from scipy.special import gammainc

from cartograph.core.settings import settings_of
from cartograph.core.statistics.exact_tests import double_of, p_value
from cartograph.core.statistics.multiple_tests import with_q_value
from cartograph.core.views.baskets import item_counts
from cartograph.rules.mining import mine
from cartograph.rules.settings import GroupSettings


def groups_of(products: DataFrame) -> DataFrame:
    """One row per product and group that it is in: `product_id`, `group`, `level` (brand or category).

    Groups are named `brand:Acme` and `category:kitchen/cups`; every part of a category path is a group of its own, as
    far as the path. `products` has the columns of silver.products.
    """
    brand = products.where("brand is not null").select(
        "product_id", F.concat(F.lit("brand:"), "brand").alias("group"), F.lit("brand").alias("level")
    )
    category = products.where("size(category) > 0").select(
        "product_id", F.explode(_path()).alias("group"), F.lit("category").alias("level")
    )
    return brand.unionByName(category).distinct()


def _path() -> Column:
    """The names of the groups of a category path, the highest first."""
    return F.transform(
        F.sequence(F.lit(1), F.size("category")),
        lambda depth: F.concat(F.lit("category:"), F.array_join(F.slice("category", 1, depth), "/")),
    )


def generalised_rules(
    baskets: DataFrame, products: DataFrame, settings: GroupSettings | None = None, **changed: Any
) -> DataFrame:
    """Rules of one item on either side, an item being a product, a brand or a category.

    Columns: `antecedent`, `consequent` (string), `antecedent_level`, `consequent_level`, `n_baskets`, `support`,
    `confidence`, `lift`, `interest`: the rule's baskets over the highest number that any rule of its groups predicts,
    null where there is no such rule; `p_value`: the probability of this many baskets or more given the predicted number
    (Poisson) or, without a prediction, given that the sides are independent (Fisher); `q_value`: the false discovery
    rate among the rules up to it (Benjamini & Hochberg 1995, over all pairs).

    A basket holds a pair of items when two different products of it represent them: a cup by Acme alone is not evidence
    for Acme and cups. Rules between a product and its own group, or a category and one above it, are left out, as are
    rules of an `interest` below `min_interest`.

    Args:
        baskets: `product_ids`.
        products: rows of silver.products.
        settings: thresholds for support, confidence and interest.
        changed: settings by name.
    """
    settings = settings_of(GroupSettings, settings, changed)
    groups = groups_of(products).persist()
    numbered = baskets.select(F.monotonically_increasing_id().alias("basket"), "product_ids").localCheckpoint()
    in_groups = _in_groups(numbered, groups).persist()
    above = _above(products, groups).persist()
    extended = _extended(numbered, in_groups)
    itemsets = mine(extended, min_support=settings.min_support, max_length=2).persist()
    singles = itemsets.where("n_items = 1").select(
        F.col("itemset")[0].alias("item"), F.col("n_baskets").alias("n_item")
    )
    ends = [F.least("item", "group").alias("first"), F.greatest("item", "group").alias("second")]
    related = above.select(*ends).distinct()
    pairs = _pairs(itemsets, in_groups, settings.min_support).join(related, ["first", "second"], "left_anti").persist()
    expected = _expected(pairs, singles, above, numbered, groups, in_groups)
    tested = _tested(_with_sides(pairs, singles).join(expected, ["first", "second"], "left"))
    tested = tested.withColumn("interest", F.col("n_baskets") / F.col("expected"))
    tested = tested.where(F.col("interest").isNull() | (F.col("interest") >= settings.min_interest))
    return _directed(tested).where(F.col("confidence") >= settings.min_confidence)


def _in_groups(numbered: DataFrame, groups: DataFrame) -> DataFrame:
    """One row per basket and group with products in it: `basket`, `group`, `size` (how many), `first_id` (of them)."""
    lines = numbered.select("basket", F.explode(F.array_distinct("product_ids")).alias("product_id"))
    counted = lines.join(groups, "product_id").groupBy("basket", "group")
    return counted.agg(F.count("*").alias("size"), F.min("product_id").alias("first_id"))


def _extended(numbered: DataFrame, in_groups: DataFrame) -> DataFrame:
    """Baskets of the products and of all their groups: `product_ids`."""
    named = in_groups.groupBy("basket").agg(F.collect_list("group").alias("groups"))
    whole = numbered.join(named, "basket", "left")
    return whole.select(
        F.concat("product_ids", F.coalesce("groups", F.array().cast("array<string>"))).alias("product_ids")
    )


def _pairs(itemsets: DataFrame, in_groups: DataFrame, min_support: float) -> DataFrame:
    """Pairs that two different products represent often enough: `first`, `second`, `n_baskets`, `support`.

    Mining counts a basket for two groups also where one product alone is in both, and no other in either: these are
    taken off.
    """
    n = F.col("n_baskets") / F.col("support")
    together = itemsets.where("n_items = 2").select(
        F.col("itemset")[0].alias("first"), F.col("itemset")[1].alias("second"), "n_baskets", n.alias("n")
    )
    alone = in_groups.where("size = 1").groupBy("basket", "first_id").agg(
        F.array_sort(F.collect_list("group")).alias("groups")
    )  # fmt: skip
    two = "transform(groups, (one, i) -> transform(slice(groups, i + 2, size(groups)), other -> struct(one, other)))"
    doubles = alone.where("size(groups) > 1").select(F.explode(F.flatten(F.expr(two))).alias("pair"))
    doubles = doubles.groupBy(F.col("pair.one").alias("first"), F.col("pair.other").alias("second")).agg(
        F.count("*").alias("n_alone")
    )
    counted = together.join(doubles, ["first", "second"], "left")
    counted = counted.withColumn("n_baskets", F.col("n_baskets") - F.coalesce("n_alone", F.lit(0)))
    required = F.greatest(F.lit(1), F.ceil(min_support * F.col("n") - 1e-9))  # as `core.views.baskets.minimum_count`
    often = counted.where(F.col("n_baskets") >= required)
    return often.select("first", "second", "n_baskets", (F.col("n_baskets") / F.col("n")).alias("support"))


def _above(products: DataFrame, groups: DataFrame) -> DataFrame:
    """One row per item and group that holds it: `item`, `group`; a category is held by those on its path."""
    paths = products.where("size(category) > 1").select(_path().alias("path")).distinct()
    higher = paths.select(F.posexplode("path").alias("depth", "item"), "path")
    higher = higher.select("item", F.explode(F.slice("path", F.lit(1), F.col("depth"))).alias("group"))
    return groups.select(F.col("product_id").alias("item"), "group").unionByName(higher).distinct()


def _expected(
    pairs: DataFrame,
    singles: DataFrame,
    above: DataFrame,
    numbered: DataFrame,
    groups: DataFrame,
    in_groups: DataFrame,
) -> DataFrame:
    """`first`, `second`, `expected`: the highest number of baskets that a pair of their groups predicts.

    Of different groups: the baskets of the groups' pair, times each item's share of its group's baskets. Of one group:
    the pairs of its products in baskets, times the share of these two if they were independent.
    """
    shares = above.join(singles, "item").join(
        singles.select(F.col("item").alias("group"), F.col("n_item").alias("n_group")), "group"
    )
    shares = shares.select("item", "group", (F.col("n_item") / F.col("n_group")).alias("share"))
    itself = singles.select("item", F.col("item").alias("group"), F.lit(1.0).alias("share"))
    shares = shares.unionByName(itself).persist()
    one = shares.select(F.col("item").alias("first"), F.col("group").alias("A"), F.col("share").alias("share_first"))
    other = shares.select(
        F.col("item").alias("second"), F.col("group").alias("B"), F.col("share").alias("share_second")
    )
    candidates = pairs.select("first", "second").join(one, "first").join(other, "second")
    of_groups = pairs.select(
        F.col("first").alias("lower"), F.col("second").alias("upper"), F.col("n_baskets").alias("n_groups")
    )
    apart = (
        candidates.where("A <> B and not (A = first and B = second)")
        .withColumns({"lower": F.least("A", "B"), "upper": F.greatest("A", "B")})
        .join(of_groups, ["lower", "upper"])
        .select("first", "second", (F.col("n_groups") * F.col("share_first") * F.col("share_second")).alias("expected"))
    )
    within = _expected_within(
        candidates.where("A = B").select("first", "second", F.col("A").alias("group")), numbered, groups, in_groups
    )
    return apart.unionByName(within).groupBy("first", "second").agg(F.max("expected").alias("expected"))


def _expected_within(candidates: DataFrame, numbered: DataFrame, groups: DataFrame, in_groups: DataFrame) -> DataFrame:
    """`first`, `second`, `expected` for pairs of products of one group."""
    sold = item_counts(numbered).withColumnRenamed("n_baskets", "n").join(groups, "product_id").persist()
    n_pairs = in_groups.groupBy("group").agg(F.sum(F.col("size") * (F.col("size") - 1) / 2).alias("n_pairs"))
    totals = sold.groupBy("group").agg(F.sum("n").alias("total"), F.sum(F.col("n") * F.col("n")).alias("squares"))
    one = sold.select("group", F.col("product_id").alias("first"), F.col("n").alias("n_first"))
    other = sold.select("group", F.col("product_id").alias("second"), F.col("n").alias("n_second"))
    # The probability that two lines sampled at random, not of the same product, are these two.
    share = 2 * F.col("n_first") * F.col("n_second") / (F.col("total") * F.col("total") - F.col("squares"))
    known = (
        candidates.join(one, ["group", "first"])
        .join(other, ["group", "second"])
        .join(n_pairs, "group")
        .join(totals, "group")
    )
    return known.select("first", "second", (F.col("n_pairs") * share).alias("expected"))


def _with_sides(pairs: DataFrame, singles: DataFrame) -> DataFrame:
    """The pairs with the baskets of each side and of all: `n_first`, `n_second`, `n`."""
    one = singles.select(F.col("item").alias("first"), F.col("n_item").alias("n_first"))
    other = singles.select(F.col("item").alias("second"), F.col("n_item").alias("n_second"))
    n = F.round(F.col("n_baskets") / F.col("support")).cast("long").alias("n")
    return pairs.select("*", n).join(one, "first").join(other, "second")


def _tested(pairs: DataFrame) -> DataFrame:
    """The pairs with `p_value` and `q_value`."""
    against_groups = double_of(_at_least, F.col("n_baskets"), F.col("expected"))
    independent = p_value(*(F.col(name) for name in ("n_baskets", "n_first", "n_second", "n")))
    tested = pairs.withColumn("p_value", F.when(F.col("expected").isNull(), independent).otherwise(against_groups))
    return with_q_value(tested, "p_value", "q_value", ["first", "second"])


def _at_least(count: pd.Series, expected: pd.Series) -> pd.Series:
    """The Poisson probability of at least `count` where `expected` is the mean."""
    return pd.Series(gammainc(count.to_numpy(np.float64), expected.fillna(0.0).to_numpy(np.float64)))


def _directed(pairs: DataFrame) -> DataFrame:
    """Each pair as a rule in both directions, with its measures."""
    same = ["n_baskets", "support", "n", "interest", "p_value", "q_value"]
    there = pairs.select("first", "second", F.col("n_first").alias("n_a"), F.col("n_second").alias("n_b"), *same)
    back = pairs.select(F.col("second").alias("first"), F.col("first").alias("second"), F.col("n_second").alias("n_a"),
                        F.col("n_first").alias("n_b"), *same)  # fmt: skip
    return there.unionByName(back).select(
        F.col("first").alias("antecedent"),
        F.col("second").alias("consequent"),
        _level("first").alias("antecedent_level"),
        _level("second").alias("consequent_level"),
        "n_baskets",
        "support",
        (F.col("n_baskets") / F.col("n_a")).alias("confidence"),
        (F.col("n_baskets") / F.col("n_a") / F.col("n_b") * F.col("n")).alias("lift"),
        "interest",
        "p_value",
        "q_value",
    )  # fmt: skip


def _level(item: str) -> Column:
    brand, category = F.col(item).startswith("brand:"), F.col(item).startswith("category:")
    return F.when(brand, F.lit("brand")).when(category, F.lit("category")).otherwise(F.lit("product"))
