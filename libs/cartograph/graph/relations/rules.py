"""Typed relations between products by rules that anybody can check: complement, substitute, variant, repeat.

Complements are bought together, substitutes instead of each other. Products viewed together can be either, so views
alone do not decide (McAuley, Pandey and Leskovec 2015; Liu et al. 2020). Every row keeps the counts behind it.
"""

from __future__ import annotations

from functools import reduce

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from cartograph.core.model import Silver
from cartograph.graph.relations.repeats import repeats
from cartograph.graph.relations.scored_pairs import scored_pairs
from cartograph.graph.relations.variants import families
from cartograph.graph.settings import RelationSettings


def relations(edges: DataFrame, data: Silver, settings: RelationSettings, max_products: int = 100) -> DataFrame:
    """One row per related pair: src, dst, relation, score (0 to 1), evidence (the counts, as JSON).

    - variant: the same title up to size, colour and pack (`variants.families`).
    - complement: another category, significantly often bought together in the orders of all variants of src, and src
      first where the order of purchase is known. If a category is unknown: more significant in orders than views.
    - substitute: the same category (or one of them unknown), significantly often viewed in one session, and less often
      bought in the same order. In a shop that records no views: bought with the same companions, similar in text
      (`text_similarity`), and not significantly often with each other. Shared companions alone are weak evidence:
      most things that go with a coffee machine do not replace each other.
    - repeat: src is dst; customers buy it again at intervals more regular than random ones.

    Args:
        edges: rows of silver.product_graph.
        data: the silver tables that the graph was built from, of shoppers only.
        max_products: per order, as in the graph.
    """
    family = families(data.products).persist()
    pairs = scored_pairs(edges, data, family, max_products).persist()
    n_products = data.events.select("product_id").distinct().count()  # the number of tests per product
    found = [
        _variants(family),
        _complements(pairs, settings, n_products),
        _substitutes(pairs, settings, n_products),
        _repeats(data.events, settings),
    ]
    best_first = Window.partitionBy("src", "relation").orderBy(F.desc("score"), "dst")
    rows = reduce(DataFrame.unionByName, found).withColumn("place", F.row_number().over(best_first))
    kept = rows.where(F.col("place") <= settings.k).drop("place").localCheckpoint()
    pairs.unpersist(), family.unpersist()
    return kept


def _variants(family: DataFrame) -> DataFrame:
    """Pairs of products of the same family."""
    one = family.select(F.col("product_id").alias("src"), "family_id", F.col("stem").alias("same_title"))
    other = family.select(F.col("product_id").alias("dst"), "family_id")
    pairs = one.join(other, "family_id").where("src <> dst").withColumn("score", F.lit(1.0))
    return _with_evidence(pairs, "variant", "same_title")


def _complements(pairs: DataFrame, settings: RelationSettings, n_products: int) -> DataFrame:
    """Pairs of different types that are bought together, in order of purchase."""
    is_other_type = F.coalesce(~F.col("is_same_type"), F.col("lift") > F.col("view_lift"))
    bought = (F.col("n_orders") > 0) & (F.col("family_orders") >= settings.min_orders)
    kept = pairs.where(bought & is_other_type & (F.col("family_p_value") * n_products <= settings.level))
    kept = kept.where(~F.col("is_order_known") | (F.col("forward") >= settings.min_forward))
    return _with_evidence(
        kept.withColumn("score", F.col("complement_score")), "complement", "n_orders", "family_orders", "lift",
        "family_p_value", "family_followed", "family_preceded", "gap_days", "n_views", "view_lift", "is_same_type",
    )  # fmt: skip


def _substitutes(pairs: DataFrame, settings: RelationSettings, n_products: int) -> DataFrame:
    """Pairs of the same type that are viewed rather than bought together, or bought with the same companions."""
    by_views = (F.col("view_p_value") * n_products <= settings.level) & (F.col("view_lift") > F.col("lift"))
    by_companions = F.col("substitute_score") >= settings.min_score
    is_substitute = F.when(F.col("kinship").isNull(), by_views).otherwise(by_companions)
    kept = pairs.where(F.coalesce("is_same_type", F.lit(True)) & is_substitute)
    return _with_evidence(
        kept.withColumn("score", F.col("substitute_score")), "substitute", "n_views", "view_lift", "view_p_value",
        "swing", "n_orders", "lift", "similarity", "n_shared", "kinship", "is_same_type",
    )  # fmt: skip


def _repeats(events: DataFrame, settings: RelationSettings) -> DataFrame:
    """Products bought again at significantly regular intervals."""
    found = repeats(events).where(
        (F.col("q_value") <= settings.repeat_level)
        & (F.col("n_repeaters") >= settings.min_repeaters)
        & (F.col("repeat_share") >= settings.min_repeat_share)
        & (F.col("spread") <= settings.max_spread)
    )
    scored = found.withColumn("score", F.col("repeat_share") / (1 + F.col("spread")))
    pairs = scored.select(F.col("product_id").alias("src"), F.col("product_id").alias("dst"), "*")
    return _with_evidence(
        pairs, "repeat", "n_buyers", "n_repeaters", "repeat_share", "median_days", "spread", "p_value", "q_value"
    )


def _with_evidence(pairs: DataFrame, relation: str, *evidence: str) -> DataFrame:
    """The pairs as rows of gold.relations."""
    shown = F.to_json(F.struct(*evidence))
    return pairs.select("src", "dst", F.lit(relation).alias("relation"), "score", shown.alias("evidence"))
