"""Counts of pairs summed over the variants of a product: what goes with one size goes with the others."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.core.statistics.exact_tests import p_value
from cartograph.core.views.baskets import distinct_items
from cartograph.core.views.product_sets import capped


def with_variant_counts(pairs: DataFrame, family: DataFrame, baskets: DataFrame, max_products: int) -> DataFrame:
    """The pairs with the counts of all variants of src together.

    Columns added: family_orders (orders with any variant of src, and dst), their family_p_value, family_followed and
    family_preceded (sums over the variants).

    Args:
        pairs: src, dst, src_family, n_orders, n_followed, n_preceded; n_orders is 0 where it is not significant.
        family: product_id, family_id.
        baskets: rows of silver.baskets.
        max_products: per order, as in the count n_orders.
    """
    sets = capped(distinct_items(baskets).withColumnRenamed("order_id", "key"), max_products)
    lines = sets.select("key", F.explode("product_ids").alias("product_id")).join(family, "product_id").persist()
    of_family = lines.groupBy("key", F.col("family_id").alias("src_family")).agg(F.count("*").alias("n")).persist()
    src_sold = of_family.groupBy("src_family").agg(F.count("*").alias("src_orders"))
    dst_sold = lines.groupBy(F.col("product_id").alias("dst")).agg(F.count("*").alias("dst_orders"))
    n_orders = F.broadcast(sets.select(F.count("*").alias("all_orders")))
    together = pairs.groupBy("src_family", "dst").agg(
        F.sum("n_orders").alias("counted"), F.max("n_orders").alias("least"),
        F.sum("n_followed").alias("family_followed"), F.sum("n_preceded").alias("family_preceded"),
    )  # fmt: skip
    counted = together.join(_counted_again(lines, of_family), ["src_family", "dst"], "left")
    # An order with two variants was counted for each of them. The sum may still miss rare pairs, which are no edges, so
    # that it is at least the largest count of one variant.
    orders = F.greatest("least", F.col("counted") - F.coalesce("n_again", F.lit(0)))
    counted = counted.join(src_sold, "src_family").join(dst_sold, "dst").join(n_orders)
    counted = counted.select(
        "src_family", "dst", "family_followed", "family_preceded", "src_orders", "dst_orders", "all_orders",
        F.least(orders, "src_orders", "dst_orders").alias("family_orders"),
    )  # fmt: skip
    tested = counted.withColumn("family_p_value", p_value(*(F.col(name) for name in _COUNTS)))
    found = pairs.join(tested.drop("src_orders", "dst_orders", "all_orders"), ["src_family", "dst"], "left")
    return found.na.fill({"family_p_value": 1.0, "family_orders": 0, "family_followed": 0, "family_preceded": 0})


_COUNTS = ("family_orders", "src_orders", "dst_orders", "all_orders")


def _counted_again(lines: DataFrame, of_family: DataFrame) -> DataFrame:
    """One row per family and product in orders with several of the family: src_family, dst, n_again.

    n_again is how many times too often such orders count in the sum over the variants.
    """
    several = of_family.where(F.col("n") > 1)
    again = several.join(lines, "key").where(F.col("src_family") != F.col("family_id"))
    return again.groupBy("src_family", F.col("product_id").alias("dst")).agg(F.sum(F.col("n") - 1).alias("n_again"))
