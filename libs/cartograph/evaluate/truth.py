"""What customers did in the horizon, as the right answers for the lists made before it."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

EVERYONE = "all"
BASKETS = "baskets"


def user_truth(history: DataFrame, horizon: DataFrame, popularity: DataFrame) -> DataFrame:
    """One row per slice and customer with a purchase in the horizon: the products a good list would have held.

    Slices: `all` (every customer, products they had not bought before), `with_repeats` (every customer, products bought
    before included), `repeats` (products bought before alone), `returning_users` and `new_users` (with and without a
    purchase in the history), and `head_products`, `mid_products`, `tail_products` (only that part of the truth counts;
    a product without sales before is tail).

    Columns: slice, list_id (the customer), cluster_id (the customer), relevant array<string>.

    Args:
        history: events before `as_of`.
        horizon: events from `as_of` on.
        popularity: `product_popularity` of the history.
    """
    bought = _purchases(horizon)
    before = _purchases(history)
    known = before.select("user_id").distinct().withColumn("is_returning", F.lit(True))
    truth = (
        bought.join(before.withColumn("is_repeat", F.lit(True)), ["user_id", "product_id"], "left")
        .join(known, "user_id", "left")
        .join(popularity.select("product_id", "popularity"), "product_id", "left")
        .withColumn("slice", F.explode(_slices()))
    )
    return truth.groupBy("slice", F.col("user_id").alias("list_id"), F.col("user_id").alias("cluster_id")).agg(
        F.collect_set("product_id").alias("relevant")
    )


def basket_truth(baskets: DataFrame) -> DataFrame:
    """One row per basket of two or more products: one of them as the question, the others as the right answers.

    The question is drawn by a hash of the order, so the same basket always asks about the same product.

    Columns: slice ('baskets'), list_id (the product asked about), cluster_id (the order), relevant array<string>.
    """
    asked = F.element_at("product_ids", (F.pmod(F.xxhash64("order_id"), F.size("product_ids")) + 1).cast("int"))
    return baskets.where(F.size("product_ids") > 1).select(
        F.lit(BASKETS).alias("slice"),
        asked.alias("list_id"),
        F.col("order_id").alias("cluster_id"),
        F.array_except("product_ids", F.array(asked)).alias("relevant"),
    )


def _purchases(events: DataFrame) -> DataFrame:
    bought = events.where("event_type = 'purchase' and user_id is not null")
    return bought.select("user_id", "product_id").distinct()


def _slices() -> Column:
    """The slices a purchased product counts in."""
    first_time = F.array(
        F.lit(EVERYONE),
        F.when(F.col("is_returning"), "returning_users").otherwise("new_users"),
        F.concat(F.coalesce("popularity", F.lit("tail")), F.lit("_products")),
    )
    repeats = F.array(F.lit("with_repeats"), F.lit("repeats"))
    return F.when(F.col("is_repeat"), repeats).otherwise(F.array_append(first_time, F.lit("with_repeats")))
