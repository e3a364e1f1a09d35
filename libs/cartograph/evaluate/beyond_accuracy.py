"""Metrics of the list itself, whatever was bought since: novelty, diversity and calibration to the customer's taste."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from cartograph.core.statistics import metrics
from cartograph.evaluate.known import Known

LIST_METRICS = ("novelty", "calibration", "diversity")
_MIXED = 0.01  # Share of the taste mixed into the list's categories, so that a missing category is finite.


def with_attributes(lists: DataFrame, known: Known, longest: int) -> DataFrame:
    """`lists` with self_information, category ('' for none) and expected_at: the rank among the best sellers.

    A product that nobody had bought is the most surprising. `expected_at` is null beyond rank `longest`.
    """
    popularity = known.popularity
    # log2(n_all_users + 1), taken from any product.
    highest = F.max(F.col("self_information") + F.log2(F.col("n_users") + 1.0))
    never_bought = popularity.agg(highest.alias("never_bought"))
    best = popularity.orderBy(F.desc("n_users"), "product_id").limit(longest)
    rank = F.row_number().over(Window.orderBy(F.desc("n_users"), "product_id"))
    expected = best.select("product_id", rank.alias("expected_at"))
    attributes = (
        known.catalogue.select("product_id", "category")
        .join(popularity.select("product_id", "self_information"), "product_id", "full")
        .join(F.broadcast(expected), "product_id", "left")
    )
    information = F.coalesce("self_information", "never_bought")
    return (
        lists.join(attributes, "product_id", "left")
        .join(F.broadcast(never_bought))
        .withColumns({"self_information": information, "category": F.coalesce("category", F.lit(""))})
        .drop("never_bought")
    )


def list_values(ks: Sequence[int]) -> dict[str, Column]:
    """Novelty and calibration at every k, from places (rank, self_information, category), categories and taste."""
    information = F.col("places.self_information")
    novelty = {f"novelty@{k}": metrics.mean_of_first(information, k) for k in ks}
    return novelty | {f"calibration@{k}": divergence(k) for k in ks}


def divergence(k: int) -> Column:
    """KL(p || q) from the customer's taste p to the categories q of the first `k` products, 0 for equal shares.

    A little of p is mixed into q (Steck 2018, "Calibrated recommendations"). Null without a taste or a list.
    """
    listed = F.slice("categories", 1, k)
    n_listed = F.size(listed)

    def term(entry: Column) -> Column:
        share = F.size(F.filter(listed, lambda category: category == entry["key"])) / n_listed
        p = entry["value"]
        return p * F.log(p / ((1 - _MIXED) * share + _MIXED * p))

    total = F.aggregate(F.map_entries("taste"), F.lit(0.0), lambda sum_, entry: sum_ + term(entry))
    return F.when(F.size("categories") > 0, total)
