"""Affinity of a candidate to the customer's recent products and region: relations, community, content, region."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.functions import pandas_udf

from cartograph.core.search.directions import direction, unit_vectors
from cartograph.core.views.histories import histories
from cartograph.rank.day import Day

_RECENT = 20  # latest events of a customer that count as recent
_PAIR = ["user_id", "product_id"]
_RELATIONS = ("complement", "substitute", "variant")


def with_affinities(candidates: DataFrame, day: Day) -> DataFrame:
    """`candidates` with one column per kind of affinity whose source exists.

    Columns added: pair_complement, pair_substitute, pair_variant (highest score of such a relation from a recent
    product, null without one); pair_community (share of the recent products in the candidate's community) and
    product_pagerank (log); pair_content (cosine with the mean vector of the recent products); pair_region (log of the
    share of the customer's region among the product's buyers over its share among all buyers).

    Args:
        candidates: user_id, product_id and any further columns.
        day: the day of the candidates.
    """
    data = day.data
    past = _recent_products(data.events, candidates)
    if any(source is not None for source in (day.relations, day.communities, data.vectors)):
        past = past.localCheckpoint()  # each of them reads it
    if day.relations is not None:
        candidates = candidates.join(_by_relation(past, day.relations), _PAIR, "left")
    if day.communities is not None:
        candidates = _by_community(candidates, past, day.communities)
    if data.vectors is not None:
        candidates = _by_content(candidates, past, data.vectors)
    if data.users is not None:
        candidates = _by_region(candidates, data.events, data.users)
    return candidates


def _recent_products(events: DataFrame, candidates: DataFrame) -> DataFrame:
    """One row per customer and product among their latest events: user_id, past_id."""
    users = candidates.select("user_id").distinct()
    last = histories(events.join(users, "user_id", "left_semi"), _RECENT)
    return last.select("user_id", F.explode(F.array_distinct("product_ids")).alias("past_id"))


def _by_relation(past: DataFrame, relations: DataFrame) -> DataFrame:
    """One row per customer and product related to a recent product of theirs: user_id, product_id, pair_<relation>."""
    typed = relations.where(F.col("relation").isin(*_RELATIONS))
    related = typed.select(F.col("src").alias("past_id"), F.col("dst").alias("product_id"), "relation", "score")
    strongest = [F.max(F.when(F.col("relation") == name, F.col("score"))).alias(f"pair_{name}") for name in _RELATIONS]
    return past.join(related, "past_id").groupBy(*_PAIR).agg(*strongest)


def _by_community(candidates: DataFrame, past: DataFrame, communities: DataFrame) -> DataFrame:
    """`candidates` with pair_community and product_pagerank."""
    homes = communities.select("product_id", "community_id", F.log("pagerank").alias("product_pagerank"))
    n_past = past.groupBy("user_id").agg(F.count(F.lit(1)).alias("n_past"))
    visited = past.join(homes.withColumnRenamed("product_id", "past_id"), "past_id")
    shares = (
        visited.groupBy("user_id", "community_id").agg(F.count(F.lit(1)).alias("n_visits")).join(n_past, "user_id")
        .select("user_id", "community_id", (F.col("n_visits") / F.col("n_past")).alias("pair_community"))
    )  # fmt: skip
    located = candidates.join(homes, "product_id", "left")
    return located.join(shares, ["user_id", "community_id"], "left").drop("community_id")


def _by_content(candidates: DataFrame, past: DataFrame, vectors: DataFrame) -> DataFrame:
    """`candidates` with pair_content; null where the product or the customer has no vector."""
    units = unit_vectors(vectors)
    known = past.join(units.withColumnRenamed("product_id", "past_id"), "past_id")
    directions = pandas_udf(_mean_directions, "array<float>")  # type: ignore[call-overload]
    profiles = known.groupBy("user_id").agg(F.sort_array(F.collect_list("vector")).alias("vectors"))
    profiles = profiles.select("user_id", directions("vectors").alias("profile"))
    joined = candidates.join(units, "product_id", "left").join(profiles, "user_id", "left")
    cosines = pandas_udf(_dots, "double")  # type: ignore[call-overload]
    return joined.withColumn("pair_content", cosines("profile", "vector")).drop("vector", "profile")


def _mean_directions(histories: pd.Series) -> pd.Series:
    """The direction of the mean of each history's vectors; None where they cancel each other."""
    return pd.Series([_mean_direction(vectors) for vectors in histories], dtype=object)


def _mean_direction(vectors: Any) -> Any:
    return direction(np.stack(vectors).sum(0, np.float64))


def _dots(ones: pd.Series, others: pd.Series) -> pd.Series:
    """The scalar products of the vectors of each row; missing where one of the two is."""
    known = (ones.notna() & others.notna()).to_numpy()
    dots = np.full(len(ones), np.nan)
    if known.any():
        one, other = (np.stack(list[Any](side[known])) for side in (ones, others))
        dots[known] = np.einsum("ij,ij->i", one, other, dtype=np.float64)
    return pd.Series(dots)


def _by_region(candidates: DataFrame, events: DataFrame, users: DataFrame) -> DataFrame:
    """`candidates` with pair_region, smoothed by one buyer per product distributed over regions as all buyers are."""
    homes = users.where("region IS NOT NULL").select("user_id", "region")
    bought = events.where("event_type = 'purchase'").select(*_PAIR).distinct().join(homes, "user_id")
    here = bought.groupBy("region", "product_id").agg(F.count(F.lit(1)).alias("n_here"))
    everywhere = bought.groupBy("product_id").agg(F.count(F.lit(1)).alias("n"))
    regions = bought.groupBy("region").agg(F.count(F.lit(1)).alias("n_region"))
    total = bought.agg(F.count(F.lit(1)).alias("n_all"))
    shares = regions.join(F.broadcast(total)).select("region", (F.col("n_region") / F.col("n_all")).alias("share"))
    joined = candidates.join(homes, "user_id", "left").join(F.broadcast(shares), "region", "left")
    joined = joined.join(everywhere, "product_id", "left").join(here, ["region", "product_id"], "left")
    n_here, n = F.coalesce("n_here", F.lit(0)), F.coalesce("n", F.lit(0))
    lift = (n_here + F.col("share")) / (n + 1) / F.col("share")
    return joined.withColumn("pair_region", F.log(lift)).drop("region", "share", "n", "n_here")
