"""The lists per product: what goes with it, what can be bought instead, and its other sizes, with the reasons."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from cartograph.core.views.product_sets import of_shoppers
from cartograph.rank.day import Day
from cartograph.rank.explanation import reasons
from cartograph.rank.explanation.pair_evidence import with_evidence
from cartograph.rank.fusion.reciprocal_ranks import fused_lists
from cartograph.rank.reranking.rule_filter import RuleFilter, split_by_rules
from cartograph.rank.score_shares import as_shares
from cartograph.rank.settings import RankSettings

COMPLEMENT = "complement"  # what goes with a product: the fused lists of all models
_OTHERS = ("substitute", "variant")  # lists of their own, from gold.relations alone
_EVIDENCE = "n_views long, view_lift double, n_shared long"
_ITEM = "associated_product_id"
_LIST = ("product_id", "relation")
_COLUMNS = ("product_id", "relation", "rank", _ITEM, "score")


@dataclass(frozen=True)
class RelatedProducts:
    """The lists per product.

    Attributes:
        associations: all fused associations, `with_evidence`, those that may not be shown included.
        tables: rows of gold.related_products, of gold.hidden_related (None without rules), and of gold.associations of
            the fused model.
    """

    associations: DataFrame
    tables: dict[str, DataFrame | None]


def relate_products(pairs: DataFrame, day: Day, rules: RuleFilter | None, settings: RankSettings) -> RelatedProducts:
    """The lists of all products.

    Args:
        pairs: rows of gold.associations.
        day: the day of the lists.
        rules: of `rule_filter`.
        settings: of the step.
    """
    fused = fused_lists(pairs, "product_id", _ITEM, settings.constant, settings.association_weights)
    # A checkpoint, because persisted pairs were counted again for each list made of them.
    associations = with_evidence(fused, of_shoppers(day.data).baskets).localCheckpoint()
    forbidden = None if rules is None else rules.forbidden
    related, hidden = related_products(associations, settings.k_related, day.relations, forbidden)
    shown = permitted(associations, forbidden).where(F.col("rank") <= settings.k_related)
    tables = {
        "gold.related_products": related,
        "gold.hidden_related": None if rules is None else hidden,
        "gold.associations": shown.select("product_id", "rank", _ITEM, "score"),
    }
    return RelatedProducts(associations, tables)


def related_products(
    associations: DataFrame, k: int, relations: DataFrame | None = None, forbidden: DataFrame | None = None
) -> tuple[DataFrame, DataFrame]:
    """The `k` best products of each list with the reason, and those that business rules hide from these lists.

    Substitutes and variants of a product have lists of their own and are removed from its complements; without
    `relations`, every product is a complement. A hidden product still has lists of its own, so that its page can say
    what to buy instead.

    Columns: product_id, relation, rank, associated_product_id, score (a share of the best of the list, `score_shares`),
    why; of the hidden ones hidden_by in place of why.

    Args:
        associations: `fused_lists` of gold.associations, `with_evidence`.
        k: length of a list.
        relations: rows of gold.relations.
        forbidden: of `business_rules.forbidden_products`; None if nothing is.
    """
    lists = _complements(associations, relations)
    if relations is not None:
        lists = lists.unionByName(_other_lists(relations))
    if forbidden is None:
        shown, hidden = lists, lists.limit(0).withColumn("hidden_by", F.lit("none"))
    else:
        ruled = lists.join(forbidden.withColumnRenamed("product_id", _ITEM), _ITEM, "left")
        shown, hidden = split_by_rules(ruled, k, *_LIST)
    listed = as_shares(shown.where(F.col("rank") <= k), *_LIST).select(*_COLUMNS, "why")
    return listed, hidden.select(*_COLUMNS, "hidden_by")


def permitted(associations: DataFrame, forbidden: DataFrame | None) -> DataFrame:
    """The associations whose other product may be shown, ranked without gaps."""
    if forbidden is None:
        return associations
    hidden = forbidden.select(F.col("product_id").alias(_ITEM))
    return _ranked_again(associations.join(hidden, _ITEM, "left_anti"))


def _complements(associations: DataFrame, relations: DataFrame | None) -> DataFrame:
    """All complements of each product, ranked."""
    if relations is not None:
        others = relations.where(F.col("relation").isin(*_OTHERS))
        pairs = others.select(F.col("src").alias("product_id"), F.col("dst").alias(_ITEM))
        associations = _ranked_again(associations.join(pairs, ["product_id", _ITEM], "left_anti"))
    why = reasons.sentence(F.coalesce(reasons.of_pair(), reasons.of_similar_customers()))
    return associations.withColumns({"relation": F.lit(COMPLEMENT), "why": why}).select(*_COLUMNS, "why")


def _ranked_again(associations: DataFrame) -> DataFrame:
    """The associations in the same order, ranked without gaps."""
    best_first = Window.partitionBy("product_id").orderBy("rank")
    return associations.withColumn("rank", F.row_number().over(best_first))


def _other_lists(relations: DataFrame) -> DataFrame:
    """All substitutes and variants, ranked by descending score."""
    best_first = Window.partitionBy("src", "relation").orderBy(F.desc("score"), "dst")
    others = relations.where(F.col("relation").isin(*_OTHERS)).withColumn("counts", F.from_json("evidence", _EVIDENCE))
    ranked = others.withColumn("rank", F.row_number().over(best_first))
    counted = ranked.select("*", "counts.n_views", "counts.n_shared", F.col("counts.view_lift").alias("lift"))
    return counted.select(
        F.col("src").alias("product_id"), "relation", "rank", F.col("dst").alias(_ITEM), "score",
        reasons.sentence(reasons.of_relation()).alias("why"),
    )  # fmt: skip
