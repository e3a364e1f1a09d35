"""From fused candidates to the lists shown: rules of the shop first, then diversity or calibration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from cartograph.core.model import Silver
from cartograph.rank.fusion.scale import share
from cartograph.rank.reranking.business_rules import BusinessRules, unsellable, with_rules
from cartograph.rank.reranking.calibration import calibrated, tastes_of
from cartograph.rank.reranking.diversity import diversified


@dataclass(frozen=True)
class Diversity:
    """How lists are chosen from candidates.

    Attributes:
        method: none: by score alone; mmr and dpp: unlike each other; calibrated: in the proportions of the taste.
        weight: 0 to 1, what that counts beside the score.
        depth: candidates of a customer that are looked at, the best.
        category_level: of the path, 1 the highest: what calibration takes as a category.
    """

    method: Literal["none", "mmr", "dpp", "calibrated"] = "none"
    weight: float = 0.3
    depth: int = 100
    category_level: int = 1

    @property
    def wants_vectors(self) -> bool:
        """Whether it needs to know how like each other products are."""
        return self.method in {"mmr", "dpp"}


@dataclass(frozen=True)
class Ruling:
    """The rules of the shop on a day, and what they forbid to everybody.

    Attributes:
        rules: of the shop.
        forbidden: of `business_rules.unsellable`.
        data: silver tables before the day.
    """

    rules: BusinessRules
    forbidden: DataFrame
    data: Silver

    def judged(self, lists: DataFrame) -> DataFrame:
        """The rows of customers' lists with hidden_by."""
        return with_rules(lists, self.forbidden, self.data.products, self.data.events, self.rules)

    def allowed(self, lists: DataFrame, k: int) -> tuple[DataFrame, DataFrame]:
        """`taken_apart` of customers' lists: what may be shown, and what the rules keep out of them."""
        return taken_apart(self.judged(lists), k, "user_id")


def ruling(data: Silver, shelf: DataFrame | None, settings: Mapping[str, object]) -> Ruling | None:
    """The rules that are set and what they forbid; None where nothing can be hidden, so that no list is looked at.

    Args:
        data: silver tables before the day.
        shelf: of `shelf.shelf`; None where no catalogue says anything.
        settings: of BusinessRules.
    """
    rules = BusinessRules(**settings)  # type: ignore[arg-type]
    if shelf is None:
        rules = replace(rules, listed_only=False, min_stock=None)
        shelf = data.products.select("product_id", F.lit(None).cast("boolean").alias("is_listed"), "stock").limit(0)
    if rules == BusinessRules(listed_only=False, min_stock=None, category_level=rules.category_level):
        return None
    forbidden = unsellable(data.products, shelf, rules).localCheckpoint()
    return Ruling(rules, forbidden, data) if rules.is_personal or not forbidden.isEmpty() else None


def taken_apart(judged: DataFrame, k: int, *group: str) -> tuple[DataFrame, DataFrame]:
    """The rows that no rule hides, ranked without gaps, and those that one keeps out of a list of `k`, with hidden_by.

    A row is kept out if it would stand in the list were it not for its rule, the others being hidden as they are. Its
    score is a share of the best that may be shown (`scale`), so it may be above 1.

    Args:
        judged: `group`, rank, score, hidden_by (null: nothing speaks against it) and any further columns.
        k: length of a list as it is shown.
        group: the columns that name a list.
    """
    is_shown = F.col("hidden_by").isNull()
    in_turn = Window.partitionBy(*group).orderBy("rank").rowsBetween(Window.unboundedPreceding, Window.currentRow)
    placed = judged.withColumn("place", F.count_if(is_shown).over(in_turn).cast("int"))
    shown = placed.where(is_shown).withColumn("rank", F.col("place")).drop("place", "hidden_by")
    whole = Window.partitionBy(*group)
    best = F.coalesce(F.max(F.when(is_shown, F.col("score"))).over(whole), F.max("score").over(whole))
    hidden = placed.withColumn("score", share(F.col("score"), best)).where(~is_shown & (F.col("place") < k))
    return shown, hidden.drop("place")


def diverse(
    lists: DataFrame, data: Silver, histories: DataFrame, vectors: DataFrame | None, k: int, diversity: Diversity
) -> DataFrame:
    """The `k` rows of each customer that are shown, in their new order; all rows as they are if `method` is none.

    Args:
        lists: user_id, product_id, score, rank and any further columns.
        data: silver tables before `as_of`.
        histories: of `core.views.histories`: what taste is read from.
        vectors: product_id, vector; only mmr and dpp want them.
        k: length of a list.
        diversity: how to choose.
    """
    if diversity.method == "none":
        return lists
    # A ranker's scores may be negative, and relevance may not.
    least = F.least(F.min("score").over(Window.partitionBy("user_id")), F.lit(0.0))
    given = lists.select("user_id", "product_id", (F.col("score") - least).alias("score"), "rank")
    if diversity.method == "calibrated":
        categories = data.products.select(
            "product_id", F.get("category", F.lit(diversity.category_level - 1)).alias("category")
        ).where("category is not null")
        tastes = tastes_of(histories, categories)
        chosen = calibrated(given, tastes, categories, k, diversity.weight, diversity.depth)
    else:
        if vectors is None:
            raise ValueError(f"{diversity.method} needs vectors of products")
        chosen = diversified(given, vectors, k, diversity.method, diversity.weight, diversity.depth)
    return lists.drop("rank").join(chosen, ["user_id", "product_id"]).select(*lists.columns)
