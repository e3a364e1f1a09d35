"""Popularity: the same list for everybody, less what each has seen. The bar that other models must clear."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from cartograph.cf.interactions import EVENT_WEIGHTS
from cartograph.core.model import NotFitted, Silver


class Popularity:
    """Products ranked by their weighted number of events, guests' included.

    Args:
        half_life_days: an event counts half as much for each such period between it and the newest event;
            None: all events count the same.
        event_weights: what an event of each type counts; types not named count nothing.
        mask_seen: never recommend what is in the customer's history.
    """

    name = "popularity"

    def __init__(
        self,
        *,
        half_life_days: float | None = None,
        event_weights: Mapping[str, float] = EVENT_WEIGHTS,
        mask_seen: bool = True,
    ) -> None:
        self.half_life_days = half_life_days
        self.event_weights = event_weights
        self.mask_seen = mask_seen
        self.popularity_: DataFrame | None = None

    def fit(self, data: Silver) -> Self:
        """Learns `popularity_`: product_id, score, rank of every product with an event."""
        day = F.unix_date(F.to_date("event_at"))
        daily = data.events.groupBy("product_id", "event_type", day.alias("day")).count()
        weight = F.create_map(*[F.lit(x) for pair in sorted(self.event_weights.items()) for x in pair])
        weighted = daily.withColumn("value", F.col("count") * F.coalesce(weight[F.col("event_type")], F.lit(0.0)))
        if self.half_life_days is not None:
            newest = daily.agg(F.max("day").alias("newest"))
            decay = F.pow(F.lit(0.5), (F.col("newest") - F.col("day")) / F.lit(float(self.half_life_days)))
            weighted = weighted.crossJoin(F.broadcast(newest)).withColumn("value", F.col("value") * decay)
        # Rounded, as sums of doubles differ in their last bits with the order of arrival, and ranks must not.
        scores = weighted.groupBy("product_id").agg(F.round(F.sum("value"), 9).alias("score")).where("score > 0")
        best_first = Window.orderBy(F.desc("score"), F.asc("product_id"))  # one row per product: one task can sort it
        self.popularity_ = scores.withColumn("rank", F.row_number().over(best_first)).localCheckpoint()
        return self

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
        seen = F.col("product_ids") if self.mask_seen else F.array().cast("array<string>")
        # Only so many places can be taken up by products already seen.
        longest = users.agg(F.coalesce(F.max(F.size(seen)), F.lit(0)).alias("longest"))
        head = self.popularity_.join(F.broadcast(longest), F.col("rank") <= F.col("longest") + k).drop("longest")
        places = F.sort_array(F.collect_list(F.struct("rank", "product_id")))
        everybody = head.agg(places.getField("product_id").alias("popular"))
        lists = users.crossJoin(F.broadcast(everybody)).select(
            "user_id", F.posexplode(F.slice(F.array_except("popular", seen), 1, k)).alias("place", "product_id")
        )
        scored = lists.join(F.broadcast(head.select("product_id", "score")), "product_id")
        return scored.select("user_id", "product_id", "score", (F.col("place") + 1).alias("rank"))
