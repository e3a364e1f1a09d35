"""What variants of a product say together: what goes with one size of a thing goes with the others."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.core.statistics.exact_tests import p_value
from cartograph.core.views.baskets import distinct_items
from cartograph.core.views.product_sets import capped


def pooled(pairs: DataFrame, family: DataFrame, baskets: DataFrame, max_products: int) -> DataFrame:
    """The pairs with what is counted of all variants of src together.

    Columns added: family_orders (with some variant of src, and dst), family_p_value of them, family_followed,
    family_preceded (summed over the variants).

    Args:
        pairs: src, dst, src_family, n_orders, n_followed, n_preceded; n_orders of 0 where chance gives as many.
        family: product_id, family_id.
        baskets: rows of silver.baskets.
        max_products: of an order, as n_orders was counted with.
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
    # An order with two variants is counted for each. Never fewer than those with one of them: rare pairs are no edges.
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

    n_again is how many times too often such orders are counted when the counts of the variants are added up.
    """
    several = of_family.where(F.col("n") > 1)
    again = several.join(lines, "key").where(F.col("src_family") != F.col("family_id"))
    return again.groupBy("src_family", F.col("product_id").alias("dst")).agg(F.sum(F.col("n") - 1).alias("n_again"))
