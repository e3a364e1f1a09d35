"""Business rules: which products may not be shown, and which rule hides them."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from cartograph.rank.settings import BusinessRuleSettings

_MIN_PURCHASES = 3  # for a customer's usual price


def forbidden_products(products: DataFrame, available: DataFrame, rules: BusinessRuleSettings) -> DataFrame:
    """One row per product hidden from all customers: product_id, hidden_by (the first rule that applies).

    Rules: blocklist, not_listed, stock, margin.

    Args:
        products: rows of silver.products.
        available: of `availability`.
        rules: of the shop.
    """
    cost = F.try_element_at("attributes", F.lit("cost")).alias("cost")
    known = products.select("product_id", "price", "brand", "category", cost).join(available, "product_id", "left")
    return known.select("product_id", _forbidden(rules).alias("hidden_by")).where("hidden_by IS NOT NULL")


def with_rules(
    lists: DataFrame, forbidden: DataFrame, products: DataFrame, events: DataFrame, rules: BusinessRuleSettings
) -> DataFrame:
    """`lists` with one more column, hidden_by: the first rule that hides the row, null if none does.

    Rules: those of `forbidden_products`, then price_band, then quota, which counts the products left by the others.

    Args:
        lists: user_id, product_id, rank and any further columns.
        forbidden: of `forbidden_products`.
        products: rows of silver.products.
        events: rows of silver.events, for the prices paid.
        rules: of the shop.
    """
    ruled = lists.join(forbidden, "product_id", "left")
    if not rules.is_personal:
        return ruled.select(*lists.columns, "hidden_by")
    known = products.select("product_id", F.col("price").alias("__price"), F.col("category").alias("__category"))
    ruled = ruled.join(known, "product_id", "left")
    if rules.max_price_ratio is not None:
        ruled = ruled.join(usual_prices(events), "user_id", "left")
        is_expensive = F.col("__price") > rules.max_price_ratio * F.col("usual_price")
        ruled = ruled.withColumn("hidden_by", F.coalesce("hidden_by", F.when(is_expensive, "price_band")))
    if rules.category_quota is not None:
        ruled = ruled.withColumn("hidden_by", F.coalesce("hidden_by", _beyond_quota(rules)))
    return ruled.select(*lists.columns, "hidden_by")


def usual_prices(events: DataFrame) -> DataFrame:
    """One row per customer with at least three purchases: user_id, usual_price (the median)."""
    paid = events.where("event_type = 'purchase' and user_id is not null and unit_price > 0")
    prices = paid.groupBy("user_id").agg(F.median("unit_price").alias("usual_price"), F.count(F.lit(1)).alias("n"))
    return prices.where(F.col("n") >= _MIN_PURCHASES).select("user_id", "usual_price")


def _forbidden(rules: BusinessRuleSettings) -> Column:
    """The first rule that hides the product; rules do not apply to unknown values."""
    applied = [F.when(_blocked(rules), "blocklist")]
    if rules.listed_only:
        applied.append(F.when(~F.col("is_listed"), "not_listed"))
    if rules.min_stock is not None:
        applied.append(F.when(F.col("stock") < rules.min_stock, "stock"))
    if rules.min_margin is not None:
        margin = 1 - F.expr("try_cast(cost as double)") / F.nullif("price", F.lit(0.0))
        applied.append(F.when(margin < rules.min_margin, "margin"))
    return F.coalesce(*applied)


def _blocked(rules: BusinessRuleSettings) -> Column:
    """Whether the product, one of its categories or its brand is blocked."""
    categories = F.array(*[F.lit(name) for name in rules.blocked_categories]).cast("array<string>")
    by_product = F.col("product_id").isin(*rules.blocked_products) if rules.blocked_products else F.lit(False)
    by_brand = F.col("brand").isin(*rules.blocked_brands) if rules.blocked_brands else F.lit(False)
    return (
        by_product
        | F.coalesce(by_brand, F.lit(False))
        | F.coalesce(F.arrays_overlap("category", categories), F.lit(False))
    )


def _beyond_quota(rules: BusinessRuleSettings) -> Column:
    """`quota` for every row beyond the quota of its category; products without a category have no quota."""
    category = F.get("__category", F.lit(rules.category_level - 1))
    is_left = F.col("hidden_by").isNull()
    so_far = Window.partitionBy("user_id", category).orderBy("rank")
    n_before = F.count(F.when(is_left, 1)).over(so_far)
    return F.when(is_left & category.isNotNull() & (n_before > F.lit(rules.category_quota)), "quota")
