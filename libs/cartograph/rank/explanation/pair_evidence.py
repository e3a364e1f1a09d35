"""Counted evidence for pairs of products: orders and customers with both, and the lift."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from cartograph.core.pairs.coded_groups import coded_groups
from cartograph.core.pairs.counts import catalogue_of
from cartograph.rank.explanation.pair_counts import pair_counts

MIN_COUNT = 2  # a single order or customer is too little evidence

_ADDED = ("n_baskets", "n_users", "lift")


def with_evidence(pairs: DataFrame, baskets: DataFrame) -> DataFrame:
    """`pairs` with the number of baskets and customers with both products, and the lift.

    Lift is the share of baskets with both over the product of the shares with each: how many times more often than
    expected of independent purchases. Only the given pairs are counted, and their customers only if fewer than two
    baskets have both.

    Columns added: n_baskets (0 if never together), lift (null then), n_users (customers who bought both, together or
    not; 0 if not counted).

    Args:
        pairs: product_id, associated_product_id (each once per product_id) and any further columns.
        baskets: rows of silver.baskets. Those of guests count in n_baskets, not in n_users.
    """
    further = [name for name in pairs.columns if name != "product_id"]
    together = F.collect_list(F.struct(*further)).alias("pairs")
    # A checkpoint, because the counts are aligned with the pairs in this order.
    grouped = pairs.groupBy("product_id").agg(together).localCheckpoint()
    coded = coded_groups(baskets.select("product_ids"))
    counted = pair_counts(
        grouped.select("product_id", F.col("pairs.associated_product_id").alias("product_ids")),
        coded, coded_groups(_customers(baskets)), catalogue_of(coded), MIN_COUNT,
    )  # fmt: skip
    rows = grouped.join(counted, "product_id", "left").select(
        "product_id", F.inline(F.arrays_zip("pairs", *[_aligned(name).alias(name) for name in _ADDED]))
    )
    counts = [F.coalesce(name, F.lit(0)).cast("long").alias(name) for name in ("n_baskets", "n_users")]
    known = [F.col(f"pairs.{name}").alias(name) for name in further]
    return rows.select("product_id", *known, *counts, "lift").select(*pairs.columns, *_ADDED)


def _aligned(name: str) -> Column:
    """The counts of a product's pairs; nulls for a product that is in no basket."""
    return F.coalesce(name, F.transform("pairs", lambda _: F.lit(None)))


def _customers(baskets: DataFrame) -> DataFrame:
    """One row per customer: product_ids, everything they bought."""
    lines = baskets.where("user_id is not null").select("user_id", F.explode("product_ids").alias("product_id"))
    return lines.groupBy("user_id").agg(F.collect_set("product_id").alias("product_ids"))
