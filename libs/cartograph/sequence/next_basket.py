"""The next basket: what is due to be bought again, and what is new, by what follows the last basket."""

from __future__ import annotations

from datetime import date
from typing import Any, Self

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from cartograph.core.model import Model, NotFitted, Silver, best_k
from cartograph.core.search.neighbours import check_kept, lists_of, recommend_sums
from cartograph.core.settings import settings_of
from cartograph.core.views.seen import mask_of
from cartograph.core.workers.groups import no_values
from cartograph.sequence.repurchases import repurchases
from cartograph.sequence.settings import NextBasketSettings, RepurchaseSettings, SequenceSettings


class NextBasket(Model):
    """Probabilities that products are in the next basket, known and new ones in one list.

    A product bought before has the probability that it is bought again within the customer's usual time between
    baskets (`repurchases`). A new one has the share of baskets after baskets that held i in which it was new,
    summed over the products i of the last day of purchases, times `explore`. Repeating and exploring are different
    tasks, and most of the measured accuracy comes from repeating (Li et al. 2023, A next basket recommendation reality
    check): evaluate them separately.

    Args:
        settings: of the model; keywords change single ones.
    """

    name = "next_basket"

    def __init__(self, settings: NextBasketSettings | None = None, **changed: Any) -> None:
        self.settings = settings_of(NextBasketSettings, settings, changed)
        self.pairs_: DataFrame | None = None
        self.again_: DataFrame | None = None

    @classmethod
    def configured(cls, section: SequenceSettings, **changed: Any) -> Self:
        """The model as the section describes it."""
        return cls(section.next_basket, **changed)

    def fit(self, data: Silver) -> Self:
        """Learns `pairs_` (product_id, associated_product_id, score, rank) and `again_` (as `repurchases`)."""
        own = self.settings
        bought = data.events.where("event_type = 'purchase' AND user_id IS NOT NULL")
        baskets = baskets_in_turn(bought, own.basket, own.newest).persist()
        pairs = followers(baskets, own.min_count, own.shrinkage)
        self.pairs_ = best_k(pairs, "product_id", "associated_product_id", self.settings.n_neighbours).localCheckpoint()
        intervals = RepurchaseSettings(
            horizon_days=own.horizon_days or days_between(baskets),
            prior_intervals=own.prior_intervals, prior_own=own.prior_own,
        )  # fmt: skip
        self.again_ = repurchases(bought, data.as_of or day_after(data.events), intervals).localCheckpoint()
        baskets.unpersist()
        return self

    def associate(self, k: int) -> DataFrame:
        """What is new in the baskets after those with a product: product_id, associated_product_id, score, rank.

        Raises:
            ValueError: fewer neighbours than `k` were kept.
        """
        if self.pairs_ is None:
            raise NotFitted(self)
        check_kept(k, self.settings.n_neighbours)
        return self.pairs_.where(F.col("rank") <= k)

    def recommend(self, users: DataFrame, k: int) -> DataFrame:
        """The products most likely to be in the next basket: user_id, product_id, score, rank."""
        if self.pairs_ is None or self.again_ is None:
            raise NotFitted(self)
        lists = lists_of(self.pairs_).toDF("id", "ids", "values")
        if self.settings.mask_seen:
            return recommend_sums(self._asked(users, mask_of(users, mask_seen=True)), lists, k)
        disliked = mask_of(users, mask_seen=False).alias("disliked")
        again = self.again_.join(users.select("user_id", disliked), "user_id")
        again = again.where(~F.array_contains("disliked", F.col("product_id")))
        # What was bought before has a probability already, whatever counts as seen.
        bought = again.groupBy("user_id").agg(F.collect_list("product_id").alias("bought"))
        given = users.join(bought, "user_id", "left")
        known_ids = F.concat(F.coalesce("bought", no_values("string")), mask_of(given, mask_seen=False))
        fresh = recommend_sums(self._asked(given, known_ids), lists, k)
        known = again.select("user_id", "product_id", F.col("probability").alias("score"))
        return best_k(known.unionByName(fresh.drop("rank")), "user_id", "product_id", k)

    def _asked(self, users: DataFrame, mask: Column) -> DataFrame:
        """Queries of `recommend_sums`: the last basket of each customer, masking what is not new to them."""
        asked = users.select(F.col("user_id").alias("id"), last_basket(users).alias("ids"), mask.alias("mask"))
        return asked.withColumn("values", F.transform("ids", lambda _: F.lit(self.settings.explore)))


def baskets_in_turn(bought: DataFrame, basket: str, newest: int) -> DataFrame:
    """One row per basket of a customer: user_id, at, product_ids, next_at, and next_ids, what was new in the next one.

    Of larger baskets `newest` products are kept, sampled by a hash.
    """
    order = F.coalesce("order_id", F.date_format("event_at", "yyyy-MM-dd"))
    unit = order if basket == "order" else F.date_format("event_at", "yyyy-MM-dd")
    lines = bought.groupBy("user_id", unit.alias("basket"), "product_id").agg(F.min("event_at").alias("at"))
    first = F.row_number().over(Window.partitionBy("user_id", "product_id").orderBy("at", "basket")) == 1
    sampled = F.struct(F.xxhash64("product_id", "basket").alias("hash"), "product_id")
    baskets = (
        lines.withColumn("new", F.when(first, sampled))
        .groupBy("user_id", "basket")
        .agg(F.min("at").alias("at"), F.collect_list(sampled).alias("all"), F.collect_list("new").alias("new"))
    )
    in_turn = Window.partitionBy("user_id").orderBy("at", "basket")
    return baskets.select(
        "user_id",
        "at",
        _cut("all", newest).alias("product_ids"),
        F.lead("at").over(in_turn).alias("next_at"),
        F.lead(_cut("new", newest)).over(in_turn).alias("next_ids"),
    )


def followers(baskets: DataFrame, min_count: int, shrinkage: float) -> DataFrame:
    """How often product j was new in the basket after one with product i: product_id, associated_product_id, score."""
    followed = baskets.where("next_at IS NOT NULL")
    before = followed.select(F.explode("product_ids").alias("product_id"), "next_ids")
    n_before = before.groupBy("product_id").agg(F.count("*").alias("n_before"))
    pairs = before.select("product_id", F.explode("next_ids").alias("associated_product_id"))
    counts = (
        pairs.groupBy("product_id", "associated_product_id").agg(F.count("*").alias("n")).where(F.col("n") >= min_count)
    )
    share = F.col("n") / (F.col("n_before") + shrinkage)
    return counts.join(n_before, "product_id").select("product_id", "associated_product_id", share.alias("score"))


def days_between(baskets: DataFrame) -> int:
    """The median of the days between two baskets of a customer; 30 where nobody has two."""
    days = F.datediff("next_at", "at")
    found = baskets.agg(F.percentile_approx(days, 0.5).alias("days")).collect()[0].days
    return 30 if found is None else max(int(found), 1)


def day_after(events: DataFrame) -> date:
    """The day after the last event."""
    last: date | None = events.agg(F.date_add(F.to_date(F.max("event_at")), 1).alias("day")).collect()[0].day
    return last or date(1970, 1, 1)


def last_basket(users: DataFrame) -> Column:
    """The products of the last day with a purchase; the last product, where only products are known."""
    if not {"event_types", "event_ats"} <= set(users.columns):
        return F.slice("product_ids", F.greatest(F.size("product_ids"), F.lit(1)), F.lit(1))
    steps = F.arrays_zip("product_ids", "event_types", "event_ats")
    newest_first = F.reverse(F.filter(steps, lambda step: step["event_types"] == "purchase"))
    nothing = F.struct(F.lit(None).cast("date").alias("day"), F.array().cast("array<string>").alias("product_ids"))

    # One pass: a last day looked up from within a filter would be computed again for each event.
    def gather(basket: Column, step: Column) -> Column:
        day = F.to_date(step["event_ats"])
        more = F.struct(
            day.alias("day"), F.array_append(basket["product_ids"], step["product_ids"]).alias("product_ids")
        )
        return F.when(basket["day"].isNull() | (basket["day"] == day), more).otherwise(basket)

    basket = F.aggregate(newest_first, nothing, gather, lambda basket: basket["product_ids"])
    return F.array_distinct(F.reverse(basket))


def _cut(sampled: str, newest: int) -> Column:
    """The products of the smallest hashes."""
    return F.transform(F.slice(F.array_sort(sampled), 1, newest), lambda one: one["product_id"])
