"""What a list is worth whatever was bought since: how surprising it is, how diverse, how like the customer's taste."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from cartograph.core.statistics import metrics

LIST_METRICS = ("novelty", "calibration", "diversity")
_MIXED = 0.01  # share of the taste in what a list is compared by, so that a category that is missing is finite


@dataclass(frozen=True)
class Known:
    """What was known of products and customers before the horizon.

    `popularity` is that of `product_popularity`; `catalogue` has one row per product, sold or not: product_id, category
    (null for none). `tastes` (of `tastes`) and `features` (of `diversity`) are None where there is nothing to tell.
    """

    popularity: DataFrame
    catalogue: DataFrame
    tastes: DataFrame | None = None
    features: DataFrame | None = None


def tastes(purchases: DataFrame, catalogue: DataFrame) -> DataFrame:
    """One row per customer: list_id (the customer), taste (map of category to its share of the purchases).

    Args:
        purchases: user_id and product_id, a row per purchase.
        catalogue: product_id, category; products without one say nothing of a taste.
    """
    named = purchases.join(catalogue.where("category is not null"), "product_id")
    counts = named.groupBy("user_id", "category").agg(F.count(F.lit(1)).cast("double").alias("n"))
    shares = F.collect_list(F.struct("category", "n"))
    taste = F.transform_values(F.map_from_entries("pairs"), lambda _, n: n / F.col("total"))
    summed = counts.groupBy("user_id").agg(shares.alias("pairs"), F.sum("n").alias("total"))
    return summed.select(F.col("user_id").alias("list_id"), taste.alias("taste"))


def with_facts(lists: DataFrame, known: Known, longest: int) -> DataFrame:
    """`lists` with self_information, category ('' for none) and expected_at: the place among the best sellers.

    A product that nobody had bought surprises most. `expected_at` is null beyond place `longest`.
    """
    popularity = known.popularity
    # log2(n_all_users + 1), read off any product.
    highest = F.max(F.col("self_information") + F.log2(F.col("n_users") + 1.0))
    never_bought = popularity.agg(highest.alias("never_bought"))
    best = popularity.orderBy(F.desc("n_users"), "product_id").limit(longest)
    place = F.row_number().over(Window.orderBy(F.desc("n_users"), "product_id"))
    expected = best.select("product_id", place.alias("expected_at"))
    facts = (
        known.catalogue.select("product_id", "category")
        .join(popularity.select("product_id", "self_information"), "product_id", "full")
        .join(F.broadcast(expected), "product_id", "left")
    )
    information = F.coalesce("self_information", "never_bought")
    return (
        lists.join(facts, "product_id", "left")
        .join(F.broadcast(never_bought))
        .withColumns({"self_information": information, "category": F.coalesce("category", F.lit(""))})
        .drop("never_bought")
    )


def list_values(ks: Sequence[int]) -> dict[str, Column]:
    """Novelty and calibration at every k, from places (rank, self_information, category) and taste."""
    information = F.col("places.self_information")
    novelty = {f"novelty@{k}": metrics.mean_of_first(information, k) for k in ks}
    return novelty | {f"calibration@{k}": divergence(k) for k in ks}


def divergence(k: int) -> Column:
    """KL(p || q) of the customer's taste p from the categories q of the first `k` places, 0 for the same shares.

    q is mixed with a little of p (Steck 2018, "Calibrated recommendations"). Null without a taste or a list.
    """
    listed = F.slice("categories", 1, k)
    n_listed = F.size(listed)

    def term(entry: Column) -> Column:
        share = F.size(F.filter(listed, lambda category: category == entry["key"])) / n_listed
        p = entry["value"]
        return p * F.log(p / ((1 - _MIXED) * share + _MIXED * p))

    total = F.aggregate(F.map_entries("taste"), F.lit(0.0), lambda sum_, entry: sum_ + term(entry))
    return F.when(F.size("categories") > 0, total)
