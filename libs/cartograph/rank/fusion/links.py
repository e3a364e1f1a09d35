"""How a candidate is linked to what the customer met of late: by relation, by community, by content, by region."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from cartograph.core.model import Silver, unit_vectors
from cartograph.core.views.histories import histories

RECENT = 20  # last events of a customer that links are looked for from

_PAIR = ["user_id", "product_id"]
_RELATIONS = ("complement", "substitute", "variant")


@dataclass(frozen=True)
class Graph:
    """What the graph step made of a day; None where it made nothing.

    Attributes:
        relations: rows of gold.relations.
        places: rows of silver.communities.
    """

    relations: DataFrame | None = None
    places: DataFrame | None = None


def linked(asked: DataFrame, data: Silver, graph: Graph) -> DataFrame:
    """`asked` with one column per kind of link, as far as there is anything to tell it from.

    Columns added: pair_complement, pair_substitute, pair_variant (highest score of such a relation from one of the
    customer's last products, null without one); pair_community (share of the last products in the product's
    community) and product_pagerank (logarithm); pair_content (cosine with the mean of the last products' vectors);
    pair_region (logarithm of the share of the customer's region in the product's buyers over that in all buyers).

    Args:
        asked: user_id, product_id and any further columns.
        data: silver tables before the day.
        graph: of the day.
    """
    past = _past(data.events, asked)
    if any(told is not None for told in (graph.relations, graph.places, data.vectors)):
        past = past.localCheckpoint()  # each of them reads it
    if graph.relations is not None:
        asked = asked.join(_by_relation(past, graph.relations), _PAIR, "left")
    if graph.places is not None:
        asked = _by_community(asked, past, graph.places)
    if data.vectors is not None:
        asked = _by_content(asked, past, data.vectors)
    if data.users is not None:
        asked = _by_region(asked, data.events, data.users)
    return asked


def _past(events: DataFrame, asked: DataFrame) -> DataFrame:
    """One row per customer and product among the last events: user_id, past_id."""
    users = asked.select("user_id").distinct()
    last = histories(events.join(users, "user_id", "left_semi"), RECENT)
    return last.select("user_id", F.explode(F.array_distinct("product_ids")).alias("past_id"))


def _by_relation(past: DataFrame, relations: DataFrame) -> DataFrame:
    """One row per customer and product that a relation leads to."""
    typed = relations.where(F.col("relation").isin(*_RELATIONS))
    leads = typed.select(F.col("src").alias("past_id"), F.col("dst").alias("product_id"), "relation", "score")
    strongest = [F.max(F.when(F.col("relation") == name, F.col("score"))).alias(f"pair_{name}") for name in _RELATIONS]
    return past.join(leads, "past_id").groupBy(*_PAIR).agg(*strongest)


def _by_community(asked: DataFrame, past: DataFrame, places: DataFrame) -> DataFrame:
    """With pair_community and product_pagerank."""
    homes = places.select("product_id", "community_id", F.log("pagerank").alias("product_pagerank"))
    n_past = past.groupBy("user_id").agg(F.count(F.lit(1)).alias("n_past"))
    visited = past.join(homes.withColumnRenamed("product_id", "past_id"), "past_id")
    shares = (
        visited.groupBy("user_id", "community_id").agg(F.count(F.lit(1)).alias("n_visits")).join(n_past, "user_id")
        .select("user_id", "community_id", (F.col("n_visits") / F.col("n_past")).alias("pair_community"))
    )  # fmt: skip
    return (
        asked.join(homes, "product_id", "left").join(shares, ["user_id", "community_id"], "left").drop("community_id")
    )


def _by_content(asked: DataFrame, past: DataFrame, vectors: DataFrame) -> DataFrame:
    """With pair_content; null where product or customer has no vector."""
    units = unit_vectors(vectors)
    told = past.join(units.withColumnRenamed("product_id", "past_id"), "past_id")
    tastes = told.groupBy("user_id").agg(_sum(F.collect_list("vector")).alias("taste"))
    length = F.sqrt(_dot(F.col("taste"), F.col("taste")))
    cosine = _dot(F.col("taste"), F.col("vector")) / F.nullif(length, F.lit(0.0))
    joined = asked.join(units, "product_id", "left").join(tastes, "user_id", "left")
    return joined.withColumn("pair_content", cosine).drop("vector", "taste")


def _by_region(asked: DataFrame, events: DataFrame, users: DataFrame) -> DataFrame:
    """With pair_region, the product counted as if one more customer of an average region had bought it."""
    homes = users.where("region IS NOT NULL").select("user_id", "region")
    bought = events.where("event_type = 'purchase'").select(*_PAIR).distinct().join(homes, "user_id")
    here = bought.groupBy("region", "product_id").agg(F.count(F.lit(1)).alias("n_here"))
    everywhere = bought.groupBy("product_id").agg(F.count(F.lit(1)).alias("n"))
    regions = bought.groupBy("region").agg(F.count(F.lit(1)).alias("n_region"))
    total = bought.agg(F.count(F.lit(1)).alias("n_all"))
    shares = regions.join(F.broadcast(total)).select("region", (F.col("n_region") / F.col("n_all")).alias("share"))
    told = asked.join(homes, "user_id", "left").join(F.broadcast(shares), "region", "left")
    told = told.join(everywhere, "product_id", "left").join(here, ["region", "product_id"], "left")
    n_here, n = F.coalesce("n_here", F.lit(0)), F.coalesce("n", F.lit(0))
    lift = (n_here + F.col("share")) / (n + 1) / F.col("share")
    return told.withColumn("pair_region", F.log(lift)).drop("region", "share", "n", "n_here")


def _sum(vectors: Column) -> Column:
    """The sum of vectors; arrays of double."""
    first = F.transform(F.element_at(vectors, 1), lambda x: x.cast("double"))
    rest = F.slice(vectors, 2, 10_000)
    return F.aggregate(rest, first, lambda total, one: F.zip_with(total, one, lambda x, y: x + y))


def _dot(one: Column, other: Column) -> Column:
    return F.aggregate(F.zip_with(one, other, lambda x, y: x * y), F.lit(0.0), lambda total, x: total + x)
