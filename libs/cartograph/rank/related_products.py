"""The result per product: one ranked list of related products, blended from all models, each with its evidence."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.rank import reasons

RELATION = "complement"  # the only relation told so far: what goes with a product


def related_products(associations: DataFrame, k: int) -> DataFrame:
    """The `k` best associations of each product, with the reason.

    Columns: product_id, relation, rank, associated_product_id, score, why.

    Args:
        associations: `fused_lists` of gold.associations, `with_evidence`.
        k: length of a list.
    """
    why = reasons.sentence(F.coalesce(reasons.of_pair(), F.lit("bought by the same kind of customers")))
    return associations.where(F.col("rank") <= k).select(
        "product_id", F.lit(RELATION).alias("relation"), "rank", "associated_product_id", "score", why.alias("why")
    )
