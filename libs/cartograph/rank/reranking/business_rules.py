"""What may not be shown, whatever the models say, and which rule says so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

_FEWEST = 3  # purchases that make a usual price


@dataclass(frozen=True)
class BusinessRules:
    """Rules of the shop; None and empty lists ask for nothing. What is not known of a product speaks for it.

    Attributes:
        listed_only: what a catalogue has named and no catalogue lists any more is not shown.
        min_stock: fewest pieces in stock.
        min_margin: smallest share of the price that is left after the cost, the attribute `cost` of the product.
        max_price_ratio: highest price, as a multiple of the median of what the customer has paid; customers of fewer
            than three purchases may see everything.
        blocked_products: product_ids.
        blocked_categories: names, at any level of the category path.
        blocked_brands: names.
        category_quota: most products of one category in a list.
        category_level: the level of the path that quotas count by, 1 the highest.
    """

    listed_only: bool = True
    min_stock: int | None = 1
    min_margin: float | None = None
    max_price_ratio: float | None = None
    blocked_products: Sequence[str] = ()
    blocked_categories: Sequence[str] = ()
    blocked_brands: Sequence[str] = ()
    category_quota: int | None = None
    category_level: int = 1

    @property
    def is_personal(self) -> bool:
        """Whether anything depends on whose list it is."""
        return self.max_price_ratio is not None or self.category_quota is not None


def unsellable(products: DataFrame, shelf: DataFrame, rules: BusinessRules) -> DataFrame:
    """One row per product that may be shown to nobody: product_id, hidden_by, the first rule that says so.

    Rules: blocklist, not_listed, stock, margin.

    Args:
        products: rows of silver.products.
        shelf: of `shelf.shelf`.
        rules: of the shop.
    """
    cost = F.try_element_at("attributes", F.lit("cost")).alias("cost")
    known = products.select("product_id", "price", "brand", "category", cost).join(shelf, "product_id", "left")
    return known.select("product_id", _forbidden(rules).alias("hidden_by")).where("hidden_by IS NOT NULL")


def with_rules(
    lists: DataFrame, forbidden: DataFrame, products: DataFrame, events: DataFrame, rules: BusinessRules
) -> DataFrame:
    """`lists` with one more column, hidden_by: the first rule that forbids the row, null where none does.

    Rules: those of `unsellable`, price_band; then quota, which counts what the others leave, best first.

    Args:
        lists: user_id, product_id, rank and any further columns.
        forbidden: of `unsellable`.
        products: rows of silver.products.
        events: rows of silver.events: what customers have paid.
        rules: of the shop.
    """
    ruled = lists.join(forbidden, "product_id", "left")
    if not rules.is_personal:
        return ruled.select(*lists.columns, "hidden_by")
    told = products.select("product_id", F.col("price").alias("__price"), F.col("category").alias("__category"))
    ruled = ruled.join(told, "product_id", "left")
    if rules.max_price_ratio is not None:
        ruled = ruled.join(usual_prices(events), "user_id", "left")
        is_dear = F.col("__price") > rules.max_price_ratio * F.col("usual_price")
        ruled = ruled.withColumn("hidden_by", F.coalesce("hidden_by", F.when(is_dear, "price_band")))
    if rules.category_quota is not None:
        ruled = ruled.withColumn("hidden_by", F.coalesce("hidden_by", _beyond_quota(rules)))
    return ruled.select(*lists.columns, "hidden_by")


def usual_prices(events: DataFrame) -> DataFrame:
    """One row per customer with enough purchases: user_id, usual_price (the median)."""
    paid = events.where("event_type = 'purchase' and user_id is not null and unit_price > 0")
    prices = paid.groupBy("user_id").agg(F.median("unit_price").alias("usual_price"), F.count(F.lit(1)).alias("n"))
    return prices.where(F.col("n") >= _FEWEST).select("user_id", "usual_price")


def _forbidden(rules: BusinessRules) -> Column:
    """The first rule that speaks against the product; a rule that finds null finds nothing."""
    reasons = [F.when(_blocked(rules), "blocklist")]
    if rules.listed_only:
        reasons.append(F.when(~F.col("is_listed"), "not_listed"))
    if rules.min_stock is not None:
        reasons.append(F.when(F.col("stock") < rules.min_stock, "stock"))
    if rules.min_margin is not None:
        margin = 1 - F.expr("try_cast(cost as double)") / F.nullif("price", F.lit(0.0))
        reasons.append(F.when(margin < rules.min_margin, "margin"))
    return F.coalesce(*reasons)


def _blocked(rules: BusinessRules) -> Column:
    """Whether a blocklist names the product, one of its categories, or its brand."""
    categories = F.array(*[F.lit(name) for name in rules.blocked_categories]).cast("array<string>")
    named = F.col("product_id").isin(*rules.blocked_products) if rules.blocked_products else F.lit(False)
    made = F.col("brand").isin(*rules.blocked_brands) if rules.blocked_brands else F.lit(False)
    return named | F.coalesce(made, F.lit(False)) | F.coalesce(F.arrays_overlap("category", categories), F.lit(False))


def _beyond_quota(rules: BusinessRules) -> Column:
    """`quota` from the row on that is one too many of its category; products without a category have no quota."""
    category = F.get("__category", F.lit(rules.category_level - 1))
    is_left = F.col("hidden_by").isNull()
    so_far = Window.partitionBy("user_id", category).orderBy("rank")
    n_before = F.count(F.when(is_left, 1)).over(so_far)
    return F.when(is_left & category.isNotNull() & (n_before > F.lit(rules.category_quota)), "quota")
