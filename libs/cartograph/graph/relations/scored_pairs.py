"""Pairs of products that could be complements or substitutes, with everything that the rules look at."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from cartograph.core.model import Silver
from cartograph.graph.relations.shared_companions import similar_pairs
from cartograph.graph.relations.text_similarity import with_text_similarity
from cartograph.graph.relations.variant_counts import with_variant_counts

_HALF = 3.0  # a p value of 10^-3 makes half a score


def scored_pairs(edges: DataFrame, data: Silver, family: DataFrame, max_products: int = 100) -> DataFrame:
    """One row per pair that could be complements or substitutes.

    Columns: those of an edge (0 where there is none), similarity, n_shared, is_same_type (null where a category is
    unknown), kinship (similarity in text; null where views are recorded), family_orders, family_p_value,
    family_followed, family_preceded, is_order_known (whether the shop's order lines have timestamps of their own),
    forward, complement_score, substitute_score (0 to 1).

    Args:
        family: product_id, family_id of `variants.families`; pairs of one family are left out.
        max_products: per order, as in the graph.
    """
    attributes = family.join(data.products.select("product_id", "category"), "product_id")
    pairs = _with_types(_with_similar(edges), attributes)
    pairs = with_variant_counts(pairs, family, data.baskets, max_products)
    records_views = not edges.where("n_views > 0").isEmpty()
    unknown = F.lit(None).cast("double")
    pairs = pairs.withColumn("kinship", unknown) if records_views else with_text_similarity(pairs, data.products)
    ordered = F.col("family_followed") + F.col("family_preceded")
    forward = (F.col("family_followed") + 1) / (ordered + 2)
    instead = F.col("view_lift") / F.nullif(F.col("view_lift") + F.col("lift"), F.lit(0.0))
    by_views = _strength("view_p_value") * F.coalesce(instead, F.lit(0.0))
    similarity = F.sqrt(F.col("kinship") * F.col("similarity"))
    by_companions = F.when(F.col("lift") < 1, similarity).otherwise(F.lit(0.0))
    of_same_type = F.coalesce(F.col("is_same_type").cast("int"), F.lit(1))
    of_other_type = F.coalesce((~F.col("is_same_type")).cast("int"), F.lit(1))
    return (
        pairs.crossJoin(F.broadcast(_timing(edges)))
        .withColumn("forward", forward)
        .withColumn("direction", F.when(F.col("is_order_known"), F.col("forward")).otherwise(0.5))
        .withColumn("complement_score", of_other_type * _strength("family_p_value") * F.col("direction"))
        .withColumn("substitute_score", of_same_type * (by_views if records_views else by_companions))
        .drop("direction")
    )


def _timing(edges: DataFrame) -> DataFrame:
    """One row, is_order_known: whether most pairs of products bought in the same order have a first and a second.

    Where all lines of an order have the same timestamp, only products of separate orders have.
    """
    ordered = F.sum(F.col("n_followed") + F.col("n_preceded"))
    known = F.coalesce(ordered * 2 >= F.sum("n_orders"), F.lit(False))
    return edges.where("n_orders > 0").agg(known.alias("is_order_known"))


def _with_similar(edges: DataFrame) -> DataFrame:
    """The edges joined with the pairs of `similar_pairs`, also those that are no edges."""
    independent: dict[str, bool | float | int | str] = {
        "p_value": 1.0,
        "view_p_value": 1.0,
        "npmi": -1.0,
        "view_npmi": -1.0,
    }
    both = edges.join(similar_pairs(edges), ["src", "dst"], "full")
    counts = [name for name in both.columns if name not in {"src", "dst", "forward_share", "gap_days", *independent}]
    return both.na.fill(independent).na.fill(0, counts)


def _with_types(pairs: DataFrame, attributes: DataFrame) -> DataFrame:
    """The pairs of different families, with `is_same_type`, null where a category is unknown."""
    source, goal = (
        attributes.select(
            F.col("product_id").alias(end),
            F.col("family_id").alias(f"{end}_family"),
            F.col("category").alias(f"{end}_category"),
        )
        for end in ("src", "dst")
    )
    named = pairs.join(source, "src").join(goal, "dst").where("src_family <> dst_family")
    is_known = (F.size("src_category") > 0) & (F.size("dst_category") > 0)
    return named.withColumn("is_same_type", F.when(is_known, F.col("src_category") == F.col("dst_category")))


def _strength(p: str) -> Column:
    """From 0 at p = 1 over a half at p = 10^-3 towards 1 at p = 0."""
    digits = -F.log10(F.greatest(F.col(p), F.lit(1e-300)))
    return digits / (digits + _HALF)
