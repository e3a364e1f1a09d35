"""Community ids that stay the same from day to day."""

from __future__ import annotations

from datetime import date

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F


def with_stable_ids(labels: DataFrame, earlier: DataFrame | None, as_of: date) -> DataFrame:
    """One row per product: product_id, community_id.

    A community inherits the id of the earlier one that it shares most products with, if it is also the largest part of
    that one. Otherwise it is new, and its id is `<its first product>@<as_of>`, which was never used before.

    Args:
        labels: product_id, label.
        earlier: product_id, community_id of an earlier day; None if there is none.
    """
    new_ids = labels.groupBy("label").agg(F.concat(F.min("product_id"), F.lit(f"@{as_of}")).alias("new_id"))
    if earlier is None:
        return labels.join(new_ids, "label").select("product_id", F.col("new_id").alias("community_id"))
    kept = labels.join(_heirs(labels, earlier).join(new_ids, "label", "right"), "label")
    return kept.select("product_id", F.coalesce("community_id", "new_id").alias("community_id"))


def latest_communities(communities: DataFrame | None, as_of: date) -> DataFrame | None:
    """product_id and community_id of the last day before `as_of` that has communities; None if there is none.

    Args:
        communities: rows of silver.communities of all days; None if there are none.
    """
    if communities is None:
        return None
    known = communities.where((F.col("as_of") < F.lit(as_of)) & F.col("community_id").isNotNull())
    row = known.agg(F.max("as_of").alias("day")).first()
    if row is None or row["day"] is None:
        return None
    return known.where(F.col("as_of") == F.lit(row["day"])).select("product_id", "community_id")


def _heirs(labels: DataFrame, earlier: DataFrame) -> DataFrame:
    """The communities that inherit an id: label, community_id, each at most once."""
    overlaps = labels.join(earlier.select("product_id", "community_id"), "product_id")
    counted = overlaps.where("community_id IS NOT NULL").groupBy("label", "community_id").agg(F.count("*").alias("n"))
    of_label = Window.partitionBy("label").orderBy(F.desc("n"), "community_id")
    of_earlier = Window.partitionBy("community_id").orderBy(F.desc("n"), "label")
    places = {"place": F.row_number().over(of_label), "earlier_place": F.row_number().over(of_earlier)}
    return counted.withColumns(places).where("place = 1 AND earlier_place = 1").select("label", "community_id")
