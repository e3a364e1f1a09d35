"""Rules between products, brands and categories: a rule of products stays only where it beats that of their groups.

After Srikant & Agrawal, "Mining generalized association rules" (1995): baskets are extended by the groups of their
products, and a rule is of interest when it holds more often than the rules of its groups would make expect.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from cartograph.rules.mining import mine

LEVELS = ("product", "brand", "category")


def groups_of(products: DataFrame) -> DataFrame:
    """One row per product and group that it is in: `product_id`, `group`, `level` (brand or category).

    Groups are named `brand:Acme` and `category:kitchen/cups`; every part of a category path is a group of its own, as
    far as the path. `products` has the columns of silver.products.
    """
    path = F.transform(
        F.sequence(F.lit(1), F.size("category")),
        lambda depth: F.concat(F.lit("category:"), F.array_join(F.slice("category", 1, depth), "/")),
    )
    brand = products.where("brand is not null").select(
        "product_id", F.concat(F.lit("brand:"), "brand").alias("group"), F.lit("brand").alias("level")
    )
    category = products.where("size(category) > 0").select(
        "product_id", F.explode(path).alias("group"), F.lit("category").alias("level")
    )
    return brand.unionByName(category).distinct()


def generalised_rules(
    baskets: DataFrame, products: DataFrame, min_support: float, min_confidence: float, min_interest: float = 1.1
) -> DataFrame:
    """Rules of one item on either side, an item being a product, a brand or a category.

    Columns: `antecedent`, `consequent` (string), `antecedent_level`, `consequent_level`, `n_baskets`, `support`,
    `confidence`, `lift`, `interest`: the rule's baskets over the most that any rule of its groups makes expect, null
    where there is no such rule. Rules between a product and its own group, or a category and one above it, say nothing
    and are left out, and so are rules of an `interest` below `min_interest`.

    Args:
        baskets: `product_ids`.
        products: rows of silver.products.
        min_support: share of the baskets that a pair of items must be in.
        min_confidence: of the rule.
        min_interest: how many times more often than expected; 0 keeps every rule.
    """
    groups = groups_of(products).persist()
    numbered = baskets.select(F.monotonically_increasing_id().alias("basket"), "product_ids").persist()
    extended = _extended(numbered, groups)
    above = _above(groups).persist()
    itemsets = mine(extended, min_support, max_length=2).persist()
    singles = itemsets.where("n_items = 1").select(
        F.col("itemset")[0].alias("item"), F.col("n_baskets").alias("n_item")
    )
    pairs = itemsets.where("n_items = 2").select(
        F.col("itemset")[0].alias("first"), F.col("itemset")[1].alias("second"), "n_baskets", "support"
    )
    related = above.select(F.least("item", "group").alias("first"), F.greatest("item", "group").alias("second"))
    pairs = pairs.join(related.distinct(), ["first", "second"], "left_anti").persist()
    expected = _expected(pairs, singles, above, numbered, groups)
    judged = pairs.join(expected, ["first", "second"], "left")
    judged = judged.withColumn("interest", F.col("n_baskets") / F.col("expected"))
    judged = judged.where(F.col("interest").isNull() | (F.col("interest") >= min_interest))
    return _directed(judged, singles).where(F.col("confidence") >= min_confidence)


def _extended(numbered: DataFrame, groups: DataFrame) -> DataFrame:
    """Baskets of the products and of all their groups: `product_ids`."""
    lines = numbered.select("basket", F.explode("product_ids").alias("product_id"))
    named = lines.join(groups, "product_id").groupBy("basket").agg(F.collect_set("group").alias("groups"))
    whole = numbered.join(named, "basket", "left")
    return whole.select(
        F.concat("product_ids", F.coalesce("groups", F.array().cast("array<string>"))).alias("product_ids")
    )


def _above(groups: DataFrame) -> DataFrame:
    """One row per item and group that holds it: `item`, `group`; a category is held by those on its path."""
    categories = groups.where("level = 'category'").select(F.col("group").alias("item")).distinct()
    parts = F.split("item", "/")
    higher = categories.select(
        "item",
        F.explode(
            F.transform(F.sequence(F.lit(1), F.size(parts)), lambda depth: F.array_join(F.slice(parts, 1, depth), "/"))
        ).alias("group"),
    ).where("item <> group")
    return groups.select(F.col("product_id").alias("item"), "group").unionByName(higher).distinct()


def _expected(
    pairs: DataFrame, singles: DataFrame, above: DataFrame, numbered: DataFrame, groups: DataFrame
) -> DataFrame:
    """`first`, `second`, `expected`: the most baskets that a pair of their groups makes expect.

    Of different groups: the baskets of the groups' pair, times each item's share of its group's baskets. Of one group:
    the pairs of its products in baskets, times the share that these two would have of them if all went alike.
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
    asked = pairs.select("first", "second").join(one, "first").join(other, "second")
    of_groups = pairs.select(
        F.col("first").alias("lower"), F.col("second").alias("upper"), F.col("n_baskets").alias("n_groups")
    )
    apart = (
        asked.where("A <> B and not (A = first and B = second)")
        .withColumns({"lower": F.least("A", "B"), "upper": F.greatest("A", "B")})
        .join(of_groups, ["lower", "upper"])
        .select("first", "second", (F.col("n_groups") * F.col("share_first") * F.col("share_second")).alias("expected"))
    )
    within = _expected_within(
        asked.where("A = B").select("first", "second", F.col("A").alias("group")), numbered, groups
    )
    return apart.unionByName(within).groupBy("first", "second").agg(F.max("expected").alias("expected"))


def _expected_within(asked: DataFrame, numbered: DataFrame, groups: DataFrame) -> DataFrame:
    """`first`, `second`, `expected` for pairs of products of one group."""
    lines = numbered.select("basket", F.explode("product_ids").alias("product_id")).join(groups, "product_id")
    sold = lines.groupBy("group", "product_id").agg(F.count("*").alias("n")).persist()
    sizes = lines.groupBy("basket", "group").agg(F.count("*").alias("size"))
    n_pairs = sizes.groupBy("group").agg(F.sum(F.col("size") * (F.col("size") - 1) / 2).alias("n_pairs"))
    totals = sold.groupBy("group").agg(F.sum("n").alias("total"), F.sum(F.col("n") * F.col("n")).alias("squares"))
    one = sold.select("group", F.col("product_id").alias("first"), F.col("n").alias("n_first"))
    other = sold.select("group", F.col("product_id").alias("second"), F.col("n").alias("n_second"))
    # Two lines drawn at random, not of the same product: the chance that they are these two.
    chance = 2 * F.col("n_first") * F.col("n_second") / (F.col("total") * F.col("total") - F.col("squares"))
    known = (
        asked.join(one, ["group", "first"])
        .join(other, ["group", "second"])
        .join(n_pairs, "group")
        .join(totals, "group")
    )
    return known.select("first", "second", (F.col("n_pairs") * chance).alias("expected"))


def _directed(pairs: DataFrame, singles: DataFrame) -> DataFrame:
    """Each pair as a rule in both directions, with its measures."""
    ways = pairs.select("first", "second", "n_baskets", "support", "interest").unionByName(
        pairs.select(F.col("second").alias("first"), F.col("first").alias("second"), "n_baskets", "support", "interest")
    )
    left = singles.select(F.col("item").alias("first"), F.col("n_item").alias("n_a"))
    right = singles.select(F.col("item").alias("second"), F.col("n_item").alias("n_b"))
    n = F.col("n_baskets") / F.col("support")
    return ways.join(left, "first").join(right, "second").select(
        F.col("first").alias("antecedent"),
        F.col("second").alias("consequent"),
        _level("first").alias("antecedent_level"),
        _level("second").alias("consequent_level"),
        "n_baskets",
        "support",
        (F.col("n_baskets") / F.col("n_a")).alias("confidence"),
        (F.col("n_baskets") / F.col("n_a") / F.col("n_b") * n).alias("lift"),
        "interest",
    )  # fmt: skip


def _level(item: str) -> Column:
    brand, category = F.col(item).startswith("brand:"), F.col(item).startswith("category:")
    return F.when(brand, F.lit("brand")).when(category, F.lit("category")).otherwise(F.lit("product"))
