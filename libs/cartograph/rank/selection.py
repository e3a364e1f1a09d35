"""From fused candidates to the lists shown: rules of the shop first, then diversity or calibration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from cartograph.core.model import Silver
from cartograph.rank.business_rules import BusinessRules, with_rules
from cartograph.rank.calibration import calibrated, tastes_of
from cartograph.rank.diversity import diversified


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


def allowed(lists: DataFrame, data: Silver, rules: BusinessRules, k: int) -> tuple[DataFrame, DataFrame]:
    """The rows that no rule forbids, ranked without gaps, and those of the first `k` that one does (with hidden_by).

    Args:
        lists: user_id, product_id, rank and any further columns.
        data: silver tables before `as_of`.
        rules: of the shop.
        k: length of a list as it is shown.
    """
    ruled = with_rules(lists, data.products, data.events, rules)
    hidden = ruled.where(F.col("hidden_by").isNotNull() & (F.col("rank") <= k))
    best_first = Window.partitionBy("user_id").orderBy("rank")
    shown = ruled.where("hidden_by is null").drop("hidden_by").withColumn("rank", F.row_number().over(best_first))
    return shown, hidden


def diverse(
    lists: DataFrame, data: Silver, histories: DataFrame, vectors: DataFrame | None, k: int, diversity: Diversity
) -> DataFrame:
    """The `k` rows of each customer that are shown, in their new order; all rows as they are if `method` is none.

    Args:
        lists: user_id, product_id, score, rank and any further columns.
        data: silver tables before `as_of`.
        histories: of `core.histories`: what taste is read from.
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


def rules_of(settings: Mapping[str, object]) -> BusinessRules | None:
    """The rules that are set; None if there are none, so that nobody's list is looked at."""
    rules = BusinessRules(**settings)  # type: ignore[arg-type]
    idle = BusinessRules(category_level=rules.category_level)
    return None if rules == idle else rules
