"""What was known of products and customers before the horizon: lists are described by nothing else."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.core.model import Silver
from cartograph.evaluate.diversity import category_features, vector_features
from cartograph.evaluate.popularity import product_popularity
from cartograph.evaluate.settings import EvaluateSettings
from cartograph.evaluate.slices import largest


@dataclass(frozen=True)
class Known:
    """Popularity, catalogue, tastes and features, as they were before the horizon.

    `popularity` is that of `product_popularity`; `catalogue` has one row per product, sold or not: product_id, category
    (null for none). `tastes` (see `tastes`) and `features` (see `diversity`) are None where the data has none.
    """

    popularity: DataFrame
    catalogue: DataFrame
    tastes: DataFrame | None = None
    features: DataFrame | None = None


def known_before(past: Silver, settings: EvaluateSettings) -> Known:
    """What the silver tables of a day say; popularity is cached, for the caller to unpersist.

    Args:
        past: the silver tables before the horizon.
        settings: bands of popularity, and the level of the category path.
    """
    popularity = product_popularity(past.events, settings).persist()
    level = F.get("category", F.lit(settings.slices.category_level - 1))
    catalogue = past.products.select("product_id", level.alias("category"))
    features = None if past.vectors is None else vector_features(past.vectors)
    if catalogue.where("category is not null").isEmpty():
        return Known(popularity, catalogue, features=features)
    purchases = past.events.where("event_type = 'purchase' and user_id is not null")
    features = category_features(past.products) if features is None else features
    return Known(popularity, catalogue, tastes(purchases, catalogue), features)


def tastes(purchases: DataFrame, catalogue: DataFrame) -> DataFrame:
    """One row per customer: list_id (the customer), taste (map from category to its share of the purchases).

    Args:
        purchases: user_id and product_id, a row per purchase.
        catalogue: product_id, category; products without a category do not count.
    """
    categorised = purchases.join(catalogue.where("category is not null"), "product_id")
    counts = categorised.groupBy("user_id", "category").agg(F.count(F.lit(1)).cast("double").alias("n"))
    pairs = F.collect_list(F.struct("category", "n"))
    taste = F.transform_values(F.map_from_entries("pairs"), lambda _, n: n / F.col("total"))
    summed = counts.groupBy("user_id").agg(pairs.alias("pairs"), F.sum("n").alias("total"))
    return summed.select(F.col("user_id").alias("list_id"), taste.alias("taste"))


def category_slices(known: Known, settings: EvaluateSettings) -> DataFrame | None:
    """The products of the largest categories, with their slice; None without categories."""
    if known.tastes is None or not settings.slices.n_categories:
        return None
    sold = known.catalogue.join(known.popularity.select("product_id", "n_users"), "product_id")
    return largest(sold, "category", settings.slices.n_categories, weight="n_users")


def segment_slices(users: DataFrame | None, settings: EvaluateSettings) -> DataFrame | None:
    """The customers of the largest segments, with their slice; None without segments."""
    if users is None or not settings.slices.n_segments:
        return None
    return largest(users, settings.slices.segment, settings.slices.n_segments)
