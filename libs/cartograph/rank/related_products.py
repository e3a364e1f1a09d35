"""The result per product: ranked lists of what goes with it, of what can be bought instead, and of its other sizes."""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from cartograph.rank import reasons

COMPLEMENT = "complement"  # what goes with a product: all models' lists, blended
_OTHERS = ("substitute", "variant")  # lists of their own, of gold.relations alone
_EVIDENCE = "n_views long, view_lift double, n_shared long"


def related_products(associations: DataFrame, k: int, typed: DataFrame | None = None) -> DataFrame:
    """The `k` best of each list of a product, with the reason.

    Substitutes and variants of a product have lists of their own and are taken out of its complements; without
    `typed` everything is a complement.

    Columns: product_id, relation, rank, associated_product_id, score, why.

    Args:
        associations: `fused_lists` of gold.associations, `with_evidence`.
        k: length of a list.
        typed: rows of gold.relations.
    """
    blended = associations
    if typed is not None:
        blended = _without(associations, typed.where(F.col("relation").isin(*_OTHERS)))
    why = reasons.sentence(F.coalesce(reasons.of_pair(), reasons.of_alike()))
    complements = blended.where(F.col("rank") <= k).select(
        "product_id", F.lit(COMPLEMENT).alias("relation"), "rank", "associated_product_id", "score", why.alias("why")
    )
    return complements if typed is None else complements.unionByName(_other_lists(typed, k))


def _without(associations: DataFrame, other: DataFrame) -> DataFrame:
    """The associations that are not among these pairs, ranked without gaps."""
    named = other.select(F.col("src").alias("product_id"), F.col("dst").alias("associated_product_id"))
    kept = associations.join(named, ["product_id", "associated_product_id"], "left_anti")
    best_first = Window.partitionBy("product_id").orderBy("rank")
    return kept.withColumn("rank", F.row_number().over(best_first))


def _other_lists(typed: DataFrame, k: int) -> DataFrame:
    """Substitutes and variants, the highest score first."""
    best_first = Window.partitionBy("src", "relation").orderBy(F.desc("score"), "dst")
    told = typed.where(F.col("relation").isin(*_OTHERS)).withColumn("told", F.from_json("evidence", _EVIDENCE))
    ranked = told.withColumn("rank", F.row_number().over(best_first)).where(F.col("rank") <= k)
    counted = ranked.select("*", "told.n_views", "told.n_shared", F.col("told.view_lift").alias("lift"))
    return counted.select(
        F.col("src").alias("product_id"), "relation", "rank", F.col("dst").alias("associated_product_id"), "score",
        reasons.sentence(reasons.of_relation()).alias("why"),
    )  # fmt: skip
