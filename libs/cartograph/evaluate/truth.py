"""What customers did in the horizon, as the right answers for the lists made before it."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from cartograph.core.views.seen import SEEN_BY, seen

EVERYONE = "all"
BASKETS = "baskets"


def user_truth(
    history: DataFrame,
    horizon: DataFrame,
    popularity: DataFrame,
    categories: DataFrame | None = None,
    segments: DataFrame | None = None,
    seen_by: Sequence[str] = SEEN_BY,
) -> DataFrame:
    """One row per slice and customer with a purchase in the horizon: the products a good list would have held.

    Slices: `all` (every customer, products new to them: see `core.views.seen`), `with_repeats` (every customer,
    products seen before included), `repeats` (only products seen before), `returning_users` and `new_users` (with and
    without a purchase in the history), `head_products`, `mid_products`, `tail_products` (only that part of the truth
    counts; a product without earlier sales is tail), `category=…` (of `categories`, likewise) and `region=…` or
    `age_band=…` (of `segments`: the customers in it). Except in `with_repeats` and `repeats`, products seen before do
    not count, as lists leave them out.

    Columns: slice, list_id (the customer), cluster_id (the customer), relevant array<string>, paid map<string,double>
    (per product of `relevant` what was spent on it).

    Args:
        history: events before `as_of`.
        horizon: events from `as_of` on.
        popularity: `product_popularity` of the history.
        categories: product_id, slice: see `slices.largest`.
        segments: user_id, slice: see `slices.largest`.
        seen_by: types of events after which a product is not new to a customer any more.
    """
    spent = F.sum(F.coalesce("quantity", F.lit(1)) * F.coalesce("unit_price", F.lit(0.0))).alias("spent")
    bought = _purchases(horizon).groupBy("user_id", "product_id").agg(spent)
    known = _purchases(history).select("user_id").distinct().withColumn("is_returning", F.lit(True))
    marked = (
        bought.join(seen(history, seen_by).withColumn("is_repeat", F.lit(True)), ["user_id", "product_id"], "left")
        .join(known, "user_id", "left")
        .join(popularity.select("product_id", "popularity"), "product_id", "left")
    )
    truth = _sliced(_sliced(marked, categories, "product_id", "category"), segments, "user_id", "segment")
    answers = truth.withColumn("slice", F.explode(_slices())).groupBy("slice", "user_id")
    return answers.agg(F.collect_list(F.struct("product_id", "spent")).alias("bought")).select(
        "slice",
        F.col("user_id").alias("list_id"),
        F.col("user_id").alias("cluster_id"),
        F.col("bought.product_id").alias("relevant"),
        F.map_from_entries("bought").alias("paid"),
    )


def basket_truth(baskets: DataFrame) -> DataFrame:
    """One row per basket of two or more products: one of them as the query, the others as the right answers.

    The query is chosen by a hash of the order, so it is always the same product of the same basket.

    Columns: slice ('baskets'), list_id (the query product), cluster_id (the order), relevant array<string>, paid
    (null: revenue is not measured here).
    """
    query = F.element_at("product_ids", (F.pmod(F.xxhash64("order_id"), F.size("product_ids")) + 1).cast("int"))
    return baskets.where(F.size("product_ids") > 1).select(
        F.lit(BASKETS).alias("slice"),
        query.alias("list_id"),
        F.col("order_id").alias("cluster_id"),
        F.array_except("product_ids", F.array(query)).alias("relevant"),
        F.lit(None).cast("map<string,double>").alias("paid"),
    )


def _purchases(events: DataFrame) -> DataFrame:
    return events.where("event_type = 'purchase' and user_id is not null")


def _sliced(rows: DataFrame, members: DataFrame | None, by: str, column: str) -> DataFrame:
    """The rows with the slice that `members` has for `by`, as `column`; null for none."""
    if members is None:
        return rows.withColumn(column, F.lit(None).cast("string"))
    return rows.join(members.select(by, F.col("slice").alias(column)), by, "left")


def _slices() -> Column:
    """The slices a purchased product counts in."""
    first_time = F.array(
        F.lit(EVERYONE),
        F.when(F.col("is_returning"), "returning_users").otherwise("new_users"),
        F.concat(F.coalesce("popularity", F.lit("tail")), F.lit("_products")),
        F.lit("with_repeats"),
        F.col("category"),
        F.col("segment"),
    )
    repeats = F.array(F.lit("with_repeats"), F.lit("repeats"))
    return F.when(F.col("is_repeat"), repeats).otherwise(F.array_compact(first_time))
