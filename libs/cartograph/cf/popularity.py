"""Popularity: the same list for everybody, or for everybody in a segment, without what each has seen.

The baseline that other models must beat.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from cartograph.cf.settings import PopularitySettings
from cartograph.core.event_types import EVENT_WEIGHTS
from cartograph.core.model import Model, NotFitted, Silver
from cartograph.core.settings import settings_of
from cartograph.core.views.liking import with_liking
from cartograph.core.views.seen import mask_of

_EVERYBODY = ""  # The segment of customers who belong to none.


class Popularity(Model):
    """Products ranked by their weighted number of events, guests' included; a rating counts by its liking.

    With `by`, customers of each segment (region, for instance) get a list of their own. A segment's share of a product
    is shrunk towards the whole shop's where the segment has few events: (w + shrinkage p) / (W + shrinkage), with w
    the segment's weight of the product, W of all products, and p the product's share in the whole shop.
    """

    name = "popularity"

    def __init__(
        self,
        settings: PopularitySettings | None = None,
        *,
        event_weights: Mapping[str, float] = EVENT_WEIGHTS,
        mask_seen: bool = True,
        **changed: Any,
    ) -> None:
        self.settings = settings_of(PopularitySettings, settings, changed)
        self.event_weights = event_weights
        self.mask_seen = mask_seen
        self.popularity_: DataFrame | None = None
        self.segment_popularity_: DataFrame | None = None
        self.members_: DataFrame | None = None

    def fit(self, data: Silver) -> Self:
        """Learns `popularity_`: product_id, score, rank of every product with an event.

        With `by` also `members_` (user_id, segment) and `segment_popularity_` (segment, product_id, score, rank).

        Raises:
            ValueError: `by` names columns that silver.users lacks, or there is no such table.
        """
        if self.settings.by:
            self.members_ = members(data.users, self.settings.by).localCheckpoint()
        scores = _scores(self._weighted(data.events))
        best_first = Window.orderBy(F.desc("score"), F.asc("product_id"))  # one row per product: one task can sort it
        self.popularity_ = scores.withColumn("rank", F.row_number().over(best_first)).localCheckpoint()
        if self.members_ is not None:
            of_members = data.events.join(self.members_, "user_id")
            segments = _scores(self._weighted(of_members, "segment"), "segment")
            self.segment_popularity_ = self._shrunk(segments, self.popularity_).localCheckpoint()
        return self

    def _weighted(self, events: DataFrame, *groups: str) -> DataFrame:
        """Summed weight of the events of a product, type, liking and day (and of each of `groups`): value."""
        day = F.unix_date(F.to_date("event_at"))
        kinds = ("product_id", "event_type", "liking")
        daily = with_liking(events).groupBy(*groups, *kinds, day.alias("day")).count()
        weight = F.create_map(*[F.lit(x) for pair in sorted(self.event_weights.items()) for x in pair])
        share = F.when(F.col("event_type") == "rating", F.coalesce("liking", F.lit(0.0))).otherwise(1.0)
        value = F.col("count") * share * F.coalesce(weight[F.col("event_type")], F.lit(0.0))
        weighted = daily.withColumn("value", value)
        if self.settings.half_life_days is None:
            return weighted
        newest = daily.agg(F.max("day").alias("newest"))
        decay = F.pow(F.lit(0.5), (F.col("newest") - F.col("day")) / F.lit(float(self.settings.half_life_days)))
        return weighted.crossJoin(F.broadcast(newest)).withColumn("value", F.col("value") * decay)

    def _shrunk(self, segments: DataFrame, everybody: DataFrame) -> DataFrame:
        """Shares of all products in every segment, ranked: segment, product_id, score, rank."""
        shop = everybody.crossJoin(F.broadcast(everybody.agg(F.sum("score").alias("total"))))
        shop = shop.select("product_id", (F.col("score") / F.col("total")).alias("share"))
        totals = segments.groupBy("segment").agg(F.sum("score").alias("total"))
        pairs = shop.crossJoin(F.broadcast(totals)).join(segments, ["segment", "product_id"], "left")
        shrinkage = F.lit(float(self.settings.shrinkage))
        share = (F.coalesce("score", F.lit(0.0)) + shrinkage * F.col("share")) / (F.col("total") + shrinkage)
        best_first = Window.partitionBy("segment").orderBy(F.desc("score"), F.asc("product_id"))
        scored = pairs.select("segment", "product_id", F.round(share, 12).alias("score"))
        return scored.withColumn("rank", F.row_number().over(best_first))

    def associate(self, k: int) -> DataFrame:
        """The `k` most popular other products for each product: product_id, associated_product_id, score, rank."""
        if self.popularity_ is None:
            raise NotFitted(self)
        top = self.popularity_.where(F.col("rank") <= k + 1).withColumnRenamed("product_id", "associated_product_id")
        own = self.popularity_.select("product_id", F.col("rank").alias("own_rank"))
        after_own = (F.col("own_rank") < F.col("rank")).cast("int")
        return (
            own.join(F.broadcast(top), F.col("own_rank") != F.col("rank"))
            .select("product_id", "associated_product_id", "score", (F.col("rank") - after_own).alias("rank"))
            .where(F.col("rank") <= k)
        )

    def recommend(self, users: DataFrame, k: int) -> DataFrame:
        """The `k` most popular products new to each customer: user_id, product_id, score, rank."""
        if self.popularity_ is None:
            raise NotFitted(self)
        everybody = self.popularity_.select(F.lit(_EVERYBODY).alias("segment"), "product_id", "score", "rank")
        if self.members_ is None or self.segment_popularity_ is None:
            return _lists(users.withColumn("segment", F.lit(_EVERYBODY)), everybody, self.mask_seen, k)
        listed = F.broadcast(self.segment_popularity_.select("segment").distinct())
        belonging = self.members_.join(listed, "segment")  # a segment without events has no list
        segmented = users.join(belonging, "user_id", "left").fillna(_EVERYBODY, ["segment"])
        return _lists(segmented, everybody.unionByName(self.segment_popularity_), self.mask_seen, k)


def members(users: DataFrame | None, by: Sequence[str]) -> DataFrame:
    """One row per customer whose segment is known: user_id, segment.

    Raises:
        ValueError: see `Popularity.fit`.
    """
    if users is None:
        raise ValueError(f"popularity by {', '.join(by)} needs silver.users, and no source delivers customers")
    missing = [column for column in by if column not in users.columns]
    if missing:
        raise ValueError(f"silver.users has no column {', '.join(missing)}; it has {', '.join(users.columns)}")
    values = [F.coalesce(F.col(column).cast("string"), F.lit("")) for column in by]
    is_known = F.coalesce(*[F.col(column).cast("string") for column in by]).isNotNull()
    return users.where(is_known).select("user_id", F.concat_ws("|", *values).alias("segment"))


def _scores(weighted: DataFrame, *groups: str) -> DataFrame:
    """One row per product (of each group) with a positive weight: groups, product_id, score.

    Rounded, as sums of doubles differ in their last bits with the order of arrival, and ranks must not.
    """
    return weighted.groupBy(*groups, "product_id").agg(F.round(F.sum("value"), 9).alias("score")).where("score > 0")


def _lists(users: DataFrame, popular: DataFrame, mask_seen: bool, k: int) -> DataFrame:
    """The `k` most popular products of each customer's segment that are new to them.

    Args:
        users: rows of `core.views.histories`, and segment.
        popular: segment, product_id, score, rank; every segment of `users` is there.
        mask_seen: leave out what the customer has seen.
        k: length of a list.
    """
    seen = mask_of(users, mask_seen)
    # Products already seen take up at most this many places, over all customers and for each.
    longest = users.agg(F.coalesce(F.max(F.size(seen)), F.lit(0)).alias("longest"))
    head = popular.join(F.broadcast(longest), F.col("rank") <= F.col("longest") + k).drop("longest")
    places = F.sort_array(F.collect_list(F.struct("rank", "product_id")))
    lists = head.groupBy("segment").agg(places.getField("product_id").alias("popular"))
    new = F.slice(F.array_except(F.slice("popular", 1, F.size(seen) + k), seen), 1, k)
    shown = users.join(F.broadcast(lists), "segment").select(
        "user_id", "segment", F.posexplode(new).alias("place", "product_id")
    )
    scored = shown.join(F.broadcast(head.select("segment", "product_id", "score")), ["segment", "product_id"])
    return scored.select("user_id", "product_id", "score", (F.col("place") + 1).alias("rank"))
