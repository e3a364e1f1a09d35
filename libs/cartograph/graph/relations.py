"""What two products are to each other, by rules that anybody can check: complement, substitute, variant, repeat.

Complements are bought together, substitutes instead of each other; what is looked at together can be either, so views
alone do not tell (McAuley, Pandey and Leskovec 2015; Liu et al. 2020). Every row keeps the counts that made it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from cartograph.core.model import Silver
from cartograph.graph.kinship import kinship
from cartograph.graph.pooling import pooled
from cartograph.graph.repeats import repeats
from cartograph.graph.similarity import similar_pairs
from cartograph.graph.variants import families

_HALF = 3.0  # a p value of 10^-3 makes half a score


@dataclass(frozen=True)
class RelationRules:
    """Where the lines are drawn.

    Args:
        level: pairs that chance would bring about more often, per product, have no relation.
        min_orders: orders that a complement must share with its product or with variants of it.
        min_forward: the least share of cases in which the complement came after its product, one each way assumed on
            top; asked only of a shop whose order lines bear times of their own.
        min_score: of substitutes in a shop that records no views: docs/benchmarks.md says how many are true from it on.
        repeat_level: share of the products said to be bought again by a rhythm that may be chance.
        min_repeaters: customers who bought a product again.
        min_repeat_share: of those who bought it.
        max_spread: quartile distance over median of the days between: a rhythm is small, chance is about 1.6.
        k: products kept per product and relation.
    """

    level: float = 0.2
    min_orders: int = 2
    min_forward: float = 0.8
    min_score: float = 0.35
    repeat_level: float = 0.05
    min_repeaters: int = 3
    min_repeat_share: float = 0.15
    max_spread: float = 0.5
    k: int = 20


def relations(edges: DataFrame, data: Silver, rules: RelationRules, max_products: int = 100) -> DataFrame:
    """One row per related pair: src, dst, relation, score (0 to 1), evidence (JSON of what was counted).

    - variant: the same title up to size, colour and pack (`variants.families`).
    - complement: another category, bought together beyond chance counting the orders of all variants of src, and src
      first, where that is known. Of products without a category: more beyond chance in orders than in views.
    - substitute: the same category (or one unknown), looked at in one session beyond chance, less so bought in one
      order. In a shop that records no views: bought with the same others and called alike (`kinship`), and no more than
      chance with each other. What goes with the same others alone is mostly no substitute: of things that go with a
      coffee machine few take the place of each other.
    - repeat: src is dst; its customers come back for it after about the same number of days, more alike than chance
      makes them.

    Args:
        edges: rows of silver.product_graph.
        data: the silver tables that the graph was made from, of shoppers.
        max_products: of an order, as in the graph.
    """
    family = families(data.products).persist()
    pairs = scored_pairs(edges, data, family, max_products).persist()
    n_products = data.events.select("product_id").distinct().count()  # that each product is tested with
    complements, substitutes = _complements(pairs, rules, n_products), _substitutes(pairs, rules, n_products)
    found = [_variants(family), complements, substitutes, _repeats(data.events, rules)]
    best_first = Window.partitionBy("src", "relation").orderBy(F.desc("score"), "dst")
    rows = reduce(DataFrame.unionByName, found).withColumn("place", F.row_number().over(best_first))
    kept = rows.where(F.col("place") <= rules.k).drop("place").localCheckpoint()
    pairs.unpersist(), family.unpersist()
    return kept


def scored_pairs(edges: DataFrame, data: Silver, family: DataFrame, max_products: int = 100) -> DataFrame:
    """One row per pair that could be complements or substitutes, with everything that the rules look at.

    Columns: those of an edge (0 where there is none), similarity, n_shared, is_same_type (null where a category is
    unknown), kinship (null where views are recorded), family_orders, family_p_value, family_followed, family_preceded,
    is_order_known (whether the shop's order lines bear times of their own), forward, complement_score,
    substitute_score (0 to 1).

    Args:
        family: product_id, family_id of `variants.families`; pairs of one family are left out.
        max_products: of an order, as in the graph.
    """
    facts = family.join(data.products.select("product_id", "category"), "product_id")
    pairs = pooled(_described(_with_similar(edges), facts), family, data.baskets, max_products)
    records_views = not edges.where("n_views > 0").isEmpty()
    unknown = F.lit(None).cast("double")
    pairs = pairs.withColumn("kinship", unknown) if records_views else kinship(pairs, data.products)
    ordered = F.col("family_followed") + F.col("family_preceded")
    forward = (F.col("family_followed") + 1) / (ordered + 2)
    instead = F.col("view_lift") / F.nullif(F.col("view_lift") + F.col("lift"), F.lit(0.0))
    by_views = _strength("view_p_value") * F.coalesce(instead, F.lit(0.0))
    by_company = F.when(F.col("lift") < 1, F.sqrt(F.col("kinship") * F.col("similarity"))).otherwise(F.lit(0.0))
    of_same_type = F.coalesce(F.col("is_same_type").cast("int"), F.lit(1))
    of_other_type = F.coalesce((~F.col("is_same_type")).cast("int"), F.lit(1))
    return (
        pairs.crossJoin(F.broadcast(_timing(edges)))
        .withColumn("forward", forward)
        .withColumn("direction", F.when(F.col("is_order_known"), F.col("forward")).otherwise(0.5))
        .withColumn("complement_score", of_other_type * _strength("family_p_value") * F.col("direction"))
        .withColumn("substitute_score", of_same_type * (by_views if records_views else by_company))
        .drop("direction")
    )


def _timing(edges: DataFrame) -> DataFrame:
    """One row, is_order_known: whether most pairs of products that are bought in one order have a first and a second.

    Where all lines of an order bear one time, only what is bought in separate orders has.
    """
    ordered = F.sum(F.col("n_followed") + F.col("n_preceded"))
    known = F.coalesce(ordered * 2 >= F.sum("n_orders"), F.lit(False))
    return edges.where("n_orders > 0").agg(known.alias("is_order_known"))


def _with_similar(edges: DataFrame) -> DataFrame:
    """The edges and the pairs of `similar_pairs`, side by side."""
    certain: dict[str, bool | float | int | str] = {
        "p_value": 1.0,
        "view_p_value": 1.0,
        "npmi": -1.0,
        "view_npmi": -1.0,
    }
    both = edges.join(similar_pairs(edges), ["src", "dst"], "full")
    numbers = [name for name in both.columns if name not in {"src", "dst", "forward_share", "gap_days", *certain}]
    return both.na.fill(certain).na.fill(0, numbers)


def _described(edges: DataFrame, facts: DataFrame) -> DataFrame:
    """The pairs of different families, with `is_same_type`, null where a category is unknown."""
    source = facts.select(F.col("product_id").alias("src"), F.col("family_id").alias("src_family"),
                          F.col("category").alias("src_category"))  # fmt: skip
    goal = facts.select(F.col("product_id").alias("dst"), F.col("family_id").alias("dst_family"),
                        F.col("category").alias("dst_category"))  # fmt: skip
    named = edges.join(source, "src").join(goal, "dst").where("src_family <> dst_family")
    is_known = (F.size("src_category") > 0) & (F.size("dst_category") > 0)
    return named.withColumn("is_same_type", F.when(is_known, F.col("src_category") == F.col("dst_category")))


def _variants(family: DataFrame) -> DataFrame:
    """Pairs of one family."""
    one = family.select(F.col("product_id").alias("src"), "family_id", F.col("stem").alias("same_title"))
    other = family.select(F.col("product_id").alias("dst"), "family_id")
    pairs = one.join(other, "family_id").where("src <> dst").withColumn("score", F.lit(1.0))
    return _told(pairs, "variant", "same_title")


def _complements(pairs: DataFrame, rules: RelationRules, n_products: int) -> DataFrame:
    """Pairs bought together, of another kind, the first one first."""
    is_other_type = F.coalesce(~F.col("is_same_type"), F.col("lift") > F.col("view_lift"))
    bought = (F.col("n_orders") > 0) & (F.col("family_orders") >= rules.min_orders)
    kept = pairs.where(bought & is_other_type & (F.col("family_p_value") * n_products <= rules.level))
    kept = kept.where(~F.col("is_order_known") | (F.col("forward") >= rules.min_forward))
    return _told(
        kept.withColumn("score", F.col("complement_score")), "complement", "n_orders", "family_orders", "lift",
        "family_p_value", "family_followed", "family_preceded", "gap_days", "n_views", "view_lift", "is_same_type",
    )  # fmt: skip


def _substitutes(pairs: DataFrame, rules: RelationRules, n_products: int) -> DataFrame:
    """Pairs of a kind that are looked at together rather than bought together, or bought with the same others."""
    by_views = (F.col("view_p_value") * n_products <= rules.level) & (F.col("view_lift") > F.col("lift"))
    by_company = F.col("substitute_score") >= rules.min_score
    is_substitute = F.when(F.col("kinship").isNull(), by_views).otherwise(by_company)
    kept = pairs.where(F.coalesce("is_same_type", F.lit(True)) & is_substitute)
    return _told(
        kept.withColumn("score", F.col("substitute_score")), "substitute", "n_views", "view_lift", "view_p_value",
        "swing", "n_orders", "lift", "similarity", "n_shared", "kinship", "is_same_type",
    )  # fmt: skip


def _repeats(events: DataFrame, rules: RelationRules) -> DataFrame:
    """Products with a rhythm that is hardly chance."""
    found = repeats(events).where(
        (F.col("q_value") <= rules.repeat_level)
        & (F.col("n_repeaters") >= rules.min_repeaters)
        & (F.col("repeat_share") >= rules.min_repeat_share)
        & (F.col("spread") <= rules.max_spread)
    )
    scored = found.withColumn("score", F.col("repeat_share") / (1 + F.col("spread")))
    pairs = scored.select(F.col("product_id").alias("src"), F.col("product_id").alias("dst"), "*")
    return _told(
        pairs, "repeat", "n_buyers", "n_repeaters", "repeat_share", "median_days", "spread", "p_value", "q_value"
    )


def _strength(p: str) -> Column:
    """0 for certain chance, a half at p = 10^-3, towards 1 for the impossible."""
    digits = -F.log10(F.greatest(F.col(p), F.lit(1e-300)))
    return digits / (digits + _HALF)


def _told(pairs: DataFrame, relation: str, *evidence: str) -> DataFrame:
    """The pairs as rows of gold.relations."""
    shown = F.to_json(F.struct(*evidence))
    return pairs.select("src", "dst", F.lit(relation).alias("relation"), "score", shown.alias("evidence"))
