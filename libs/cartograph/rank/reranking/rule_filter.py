"""Lists split by the business rules of a day: what may be shown, and what is hidden by which rule."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from cartograph.core.model import Silver
from cartograph.rank.reranking.availability import availability
from cartograph.rank.reranking.business_rules import forbidden_products, with_rules
from cartograph.rank.score_shares import share
from cartograph.rank.settings import BusinessRuleSettings


@dataclass(frozen=True)
class RuleFilter:
    """The business rules on a day, and the products they hide from all customers.

    Attributes:
        rules: of the shop.
        forbidden: of `business_rules.forbidden_products`.
        data: silver tables before the day.
    """

    rules: BusinessRuleSettings
    forbidden: DataFrame
    data: Silver

    def split(self, lists: DataFrame, k: int) -> tuple[DataFrame, DataFrame]:
        """`split_by_rules` of customers' lists, which are read twice: the rows shown, and those hidden."""
        return split_by_rules(
            with_rules(lists, self.forbidden, self.data.products, self.data.events, self.rules), k, "user_id"
        )


def rule_filter(data: Silver, listings: DataFrame | None, rules: BusinessRuleSettings) -> RuleFilter | None:
    """The filter of a day; None if nothing can be hidden, so that no list has to be checked.

    Args:
        data: silver tables before the day.
        listings: rows of silver.listings; None if there is no catalogue, so that rules about listing and stock are off.
        rules: of the shop.
    """
    if listings is None:
        rules = rules.model_copy(update={"listed_only": False, "min_stock": None})
        unknown = F.lit(None).cast("boolean").alias("is_listed")
        available = data.products.select("product_id", unknown, "stock").limit(0)
    else:
        available = availability(listings)
    if not rules.hides_anything:
        return None
    forbidden = forbidden_products(data.products, available, rules).localCheckpoint()
    return RuleFilter(rules, forbidden, data) if rules.is_personal or not forbidden.isEmpty() else None


def split_by_rules(ruled: DataFrame, k: int, *group: str) -> tuple[DataFrame, DataFrame]:
    """The rows not hidden by a rule, ranked without gaps, and those kept out of a list of `k` by one, with hidden_by.

    A hidden row counts as kept out if it would be in the list without its own rule, all other rules being applied. Its
    score is a share of the best score shown (`score_shares`), so it may be above 1.

    Args:
        ruled: `group`, rank, score, hidden_by (null: shown) and any further columns.
        k: length of a list as shown.
        group: the columns that identify a list.
    """
    is_shown = F.col("hidden_by").isNull()
    so_far = Window.partitionBy(*group).orderBy("rank").rowsBetween(Window.unboundedPreceding, Window.currentRow)
    placed = ruled.withColumn("place", F.count_if(is_shown).over(so_far).cast("int"))
    shown = placed.where(is_shown).withColumn("rank", F.col("place")).drop("place", "hidden_by")
    whole = Window.partitionBy(*group)
    best = F.coalesce(F.max(F.when(is_shown, F.col("score"))).over(whole), F.max("score").over(whole))
    hidden = placed.withColumn("score", share(F.col("score"), best)).where(~is_shown & (F.col("place") < k))
    return shown, hidden.drop("place")
