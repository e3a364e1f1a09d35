"""The result per product: ranked lists of what goes with it, of what can be bought instead, and of its other sizes."""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from cartograph.rank.explanation import reasons
from cartograph.rank.fusion.scale import as_shares
from cartograph.rank.reranking.selection import taken_apart

COMPLEMENT = "complement"  # what goes with a product: all models' lists, blended
_OTHERS = ("substitute", "variant")  # lists of their own, of gold.relations alone
_EVIDENCE = "n_views long, view_lift double, n_shared long"
_ITEM = "associated_product_id"
_LIST = ("product_id", "relation")
_COLUMNS = ("product_id", "relation", "rank", _ITEM, "score")


def related_products(
    associations: DataFrame, k: int, typed: DataFrame | None = None, forbidden: DataFrame | None = None
) -> tuple[DataFrame, DataFrame]:
    """The `k` best of each list of a product, with the reason, and what rules of the shop keep out of these lists.

    Substitutes and variants of a product have lists of their own and are taken out of its complements; without
    `typed` everything is a complement. A product that may not be shown still has lists: whoever comes to its page finds
    there what to buy instead.

    Columns: product_id, relation, rank, associated_product_id, score (a share of the best of the list, `scale`), why;
    of the other frame the same but why, and hidden_by.

    Args:
        associations: `fused_lists` of gold.associations, `with_evidence`.
        k: length of a list.
        typed: rows of gold.relations.
        forbidden: of `business_rules.unsellable`; None: nothing is.
    """
    lists = _complements(associations, typed)
    if typed is not None:
        lists = lists.unionByName(_other_lists(typed))
    if forbidden is None:
        shown, hidden = lists, lists.limit(0).withColumn("hidden_by", F.lit("none"))
    else:
        judged = lists.join(forbidden.withColumnRenamed("product_id", "associated_product_id"), _ITEM, "left")
        shown, hidden = taken_apart(judged, k, *_LIST)
    return as_shares(shown.where(F.col("rank") <= k), *_LIST).select(*_COLUMNS, "why"), hidden.select(
        *_COLUMNS, "hidden_by"
    )


def _complements(associations: DataFrame, typed: DataFrame | None) -> DataFrame:
    """All complements of each product, ranked."""
    blended = associations
    if typed is not None:
        blended = _without(associations, typed.where(F.col("relation").isin(*_OTHERS)))
    why = reasons.sentence(F.coalesce(reasons.of_pair(), reasons.of_alike()))
    return blended.withColumns({"relation": F.lit(COMPLEMENT), "why": why}).select(*_COLUMNS, "why")


def _without(associations: DataFrame, other: DataFrame) -> DataFrame:
    """The associations that are not among these pairs, ranked without gaps."""
    named = other.select(F.col("src").alias("product_id"), F.col("dst").alias("associated_product_id"))
    kept = associations.join(named, ["product_id", "associated_product_id"], "left_anti")
    best_first = Window.partitionBy("product_id").orderBy("rank")
    return kept.withColumn("rank", F.row_number().over(best_first))


def _other_lists(typed: DataFrame) -> DataFrame:
    """All substitutes and variants, ranked by falling score."""
    best_first = Window.partitionBy("src", "relation").orderBy(F.desc("score"), "dst")
    told = typed.where(F.col("relation").isin(*_OTHERS)).withColumn("told", F.from_json("evidence", _EVIDENCE))
    ranked = told.withColumn("rank", F.row_number().over(best_first))
    counted = ranked.select("*", "told.n_views", "told.n_shared", F.col("told.view_lift").alias("lift"))
    return counted.select(
        F.col("src").alias("product_id"), "relation", "rank", F.col("dst").alias("associated_product_id"), "score",
        reasons.sentence(reasons.of_relation()).alias("why"),
    )  # fmt: skip


def permitted(associations: DataFrame, forbidden: DataFrame | None) -> DataFrame:
    """The associations whose other product may be shown, ranked without gaps."""
    if forbidden is None:
        return associations
    named = forbidden.select(F.col("product_id").alias(_ITEM))
    best_first = Window.partitionBy("product_id").orderBy("rank")
    return associations.join(named, _ITEM, "left_anti").withColumn("rank", F.row_number().over(best_first))
