"""What the data says about a pair of products: baskets and customers that had both, and how far beyond chance."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from cartograph.core.pairs.coded_groups import coded_groups
from cartograph.core.pairs.counts import catalogue_of
from cartograph.rank.explanation.pair_counts import pair_counts

FEWEST = 2  # one basket or customer alone is an accident, not a reason

_ADDED = ("n_baskets", "n_users", "lift")


def with_evidence(pairs: DataFrame, baskets: DataFrame) -> DataFrame:
    """`pairs` with how many baskets and customers had both products, and the lift.

    Lift is the share of baskets with both over the product of the shares with each: how many times more often than
    chance. Only the pairs given are counted, and their customers only where fewer than two baskets speak for them.

    Columns added: n_baskets (0 when never together), lift (null then), n_users (customers who bought both, whether
    together or not; 0 where not counted).

    Args:
        pairs: product_id, associated_product_id (each once per product_id) and any further columns.
        baskets: rows of silver.baskets. Those of guests count in n_baskets, not in n_users.
    """
    further = [name for name in pairs.columns if name != "product_id"]
    together = F.collect_list(F.struct(*further)).alias("pairs")
    # Kept, as the counts are aligned with the rows in the order that they have here.
    asked = pairs.groupBy("product_id").agg(together).localCheckpoint()
    coded = coded_groups(baskets.select("product_ids"))
    counted = pair_counts(
        asked.select("product_id", F.col("pairs.associated_product_id").alias("product_ids")),
        coded, coded_groups(_customers(baskets)), catalogue_of(coded), FEWEST,
    )  # fmt: skip
    rows = asked.join(counted, "product_id", "left").select(
        "product_id", F.inline(F.arrays_zip("pairs", *[_aligned(name).alias(name) for name in _ADDED]))
    )
    counts = [F.coalesce(name, F.lit(0)).cast("long").alias(name) for name in ("n_baskets", "n_users")]
    known = [F.col(f"pairs.{name}").alias(name) for name in further]
    return rows.select("product_id", *known, *counts, "lift").select(*pairs.columns, *_ADDED)


def _aligned(name: str) -> Column:
    """The counts of a product's pairs; as many nulls of a product that is in no basket."""
    return F.coalesce(name, F.transform("pairs", lambda _: F.lit(None)))


def _customers(baskets: DataFrame) -> DataFrame:
    """One row per customer: product_ids, everything they bought."""
    lines = baskets.where("user_id is not null").select("user_id", F.explode("product_ids").alias("product_id"))
    return lines.groupBy("user_id").agg(F.collect_set("product_id").alias("product_ids"))
