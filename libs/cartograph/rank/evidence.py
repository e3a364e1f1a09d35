"""What the data says about a pair of products: baskets and customers that had both, and how far beyond chance."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

PAIR = ["product_id", "associated_product_id"]


def pair_evidence(pairs: DataFrame, baskets: DataFrame) -> DataFrame:
    """One row per pair asked about: how many baskets and customers had both products, and the lift.

    Lift is the share of baskets with both over the product of the shares with each: how many times more often than
    chance. Only the pairs asked about are counted. Baskets of guests count in `n_baskets`, not in `n_users`.

    Columns: product_id, associated_product_id, n_baskets, n_users (0 when never together), lift (null then).

    Args:
        pairs: product_id, associated_product_id.
        baskets: rows of silver.baskets.
    """
    first, second = F.least(*PAIR).alias("first"), F.greatest(*PAIR).alias("second")
    unordered = pairs.select(first, second).distinct()
    lines = baskets.select("order_id", "user_id", F.explode("product_ids").alias("product_id"))
    customers = lines.where("user_id is not null").select("user_id", "product_id").distinct()
    counted = (
        unordered.join(_together(unordered, lines, "order_id", "n_baskets"), ["first", "second"], "left")
        .join(_together(unordered, customers, "user_id", "n_users"), ["first", "second"], "left")
        .na.fill(0, ["n_baskets", "n_users"])
    )
    asked = pairs.select(*PAIR, first, second).distinct()
    return asked.join(_with_lift(counted, lines), ["first", "second"]).drop("first", "second")


def _together(pairs: DataFrame, lines: DataFrame, unit: str, name: str) -> DataFrame:
    """One row per pair that some `unit` had: in how many of them. By joins, so that no large basket is held whole."""
    firsts = lines.select(unit, F.col("product_id").alias("first"))
    seconds = lines.select(unit, F.col("product_id").alias("second"))
    both = firsts.join(pairs, "first").join(seconds, [unit, "second"])
    return both.groupBy("first", "second").agg(F.count(F.lit(1)).alias(name))


def _with_lift(counted: DataFrame, lines: DataFrame) -> DataFrame:
    """`counted` with lift = n_baskets x orders / (baskets with the first x baskets with the second)."""
    sizes = lines.groupBy("product_id").agg(F.count(F.lit(1)).alias("n"))
    n_orders = lines.agg(F.countDistinct("order_id").alias("n_orders"))
    lift: Column = F.col("n_baskets").cast("double") * F.col("n_orders") / (F.col("n_first") * F.col("n_second"))
    return (
        counted.join(sizes.select(F.col("product_id").alias("first"), F.col("n").alias("n_first")), "first", "left")
        .join(sizes.select(F.col("product_id").alias("second"), F.col("n").alias("n_second")), "second", "left")
        .join(F.broadcast(n_orders))
        .withColumn("lift", F.when(F.col("n_baskets") > 0, lift))
        .drop("n_first", "n_second", "n_orders")
    )
