"""What the data says about a pair of products: baskets and customers that had both, and how far beyond chance."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.core.coded_groups import coded_groups
from cartograph.core.pair_rows import coded_products, pair_rows
from cartograph.core.pairs import catalogue_of

FEWEST = 2  # one basket or customer alone is an accident, not a reason

_PAIR = ["product_id", "associated_product_id"]
_UNORDERED = ["first", "second"]


def with_evidence(pairs: DataFrame, baskets: DataFrame) -> DataFrame:
    """`pairs` with how many baskets and customers had both products, and the lift.

    Lift is the share of baskets with both over the product of the shares with each: how many times more often than
    chance. Only the pairs given are counted, and their customers only where fewer than two baskets speak for them.

    Columns added: n_baskets (0 when never together), lift (null then), n_users (customers who bought both, whether
    together or not; 0 where not counted).

    Args:
        pairs: product_id, associated_product_id and any further columns.
        baskets: rows of silver.baskets. Those of guests count in n_baskets, not in n_users.
    """
    ordered = {"first": F.least(*_PAIR), "second": F.greatest(*_PAIR)}
    asked = pairs.withColumns(ordered)
    unordered = asked.select(*_UNORDERED).distinct()
    in_baskets = _together(unordered, baskets, "n_baskets")
    rare = unordered.join(in_baskets.where(F.col("n_baskets") >= FEWEST), _UNORDERED, "left_anti")
    by_customers = _together(rare, _customers(baskets), "n_users")
    counted = (
        asked.join(in_baskets, _UNORDERED, "left")
        .join(by_customers, _UNORDERED, "left")
        .na.fill(0, ["n_baskets", "n_users"])
    )
    return _with_lift(counted, baskets).select(*pairs.columns, "n_baskets", "n_users", "lift")


def _together(pairs: DataFrame, sets: DataFrame, name: str) -> DataFrame:
    """One row per pair that some row of `sets` holds: in how many of them.

    All pairs of `sets` are counted, in compiled code, and those asked for are picked out: looking for single pairs in
    every set that has one of the two takes over three times as long where sets are large.
    """
    coded = coded_groups(sets.select("product_ids"))
    catalogue = catalogue_of(coded)
    products = coded_products(pairs.sparkSession, catalogue)
    # Codes are in order of product_id, as the two of a pair are.
    counts = pair_rows(coded, catalogue).where("code < other").withColumnRenamed("sum", name)
    for side, code in zip(_UNORDERED, ("code", "other"), strict=True):
        pairs = pairs.join(products.select(F.col("product_id").alias(side), F.col("code").alias(code)), side)
    return pairs.join(counts, ["code", "other"]).select(*_UNORDERED, name)


def _customers(baskets: DataFrame) -> DataFrame:
    """One row per customer: product_ids, everything they bought."""
    lines = baskets.where("user_id is not null").select("user_id", F.explode("product_ids").alias("product_id"))
    return lines.groupBy("user_id").agg(F.collect_set("product_id").alias("product_ids"))


def _with_lift(counted: DataFrame, baskets: DataFrame) -> DataFrame:
    """`counted` with lift = n_baskets x orders / (baskets with the first x baskets with the second)."""
    sizes = baskets.select(F.explode("product_ids").alias("product")).groupBy("product").count()
    n_orders = baskets.agg(F.count(F.lit(1)).alias("n_orders"))
    lift = F.col("n_baskets").cast("double") * F.col("n_orders") / (F.col("n_first") * F.col("n_second"))
    return (
        counted.join(sizes.select(F.col("product").alias("first"), F.col("count").alias("n_first")), "first", "left")
        .join(sizes.select(F.col("product").alias("second"), F.col("count").alias("n_second")), "second", "left")
        .join(F.broadcast(n_orders))
        .withColumn("lift", F.when(F.col("n_baskets") > 0, lift))
    )
