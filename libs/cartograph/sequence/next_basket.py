"""The next basket: what is bought again, by the rhythm of it, and what is new, by what follows the last basket."""

from __future__ import annotations

from datetime import date
from typing import Literal, Self

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from cartograph.core.model import Model, NotFitted, Silver, best_k
from cartograph.core.search.neighbours import check_kept, lists_of, recommend_sums
from cartograph.core.views.seen import mask_of
from cartograph.core.workers.groups import no_values
from cartograph.sequence.repurchases import Rhythm, repurchases


class NextBasket(Model):
    """Chances of products to be in the next basket, of known and of new ones alike, in one list.

    A product bought before counts with the chance that it is bought again within the customer's usual time between
    baskets (`repurchases`). A new one counts with the share of baskets after baskets that held i in which it was new,
    summed over the products i of the last day of purchases, times `explore`. Repeating and exploring are
    different tasks, and most of what lists are praised for is repeating (Li et al. 2023, A next basket recommendation
    reality check): they are to be judged apart.

    Args:
        basket: order, or day: all that a customer bought on one day.
        horizon_days: time to the next basket; None: the median over all customers.
        prior_intervals, prior_own: see `repurchases.Rhythm`.
        explore: what chances of new products count for, against those of known ones.
        n_neighbours: products kept that follow a product.
        min_count: baskets that a pair must have followed in.
        shrinkage: baskets that a product needs for half of the share it has.
        newest: products of a basket that are looked at; work grows with the square.
        mask_seen: new products only.
    """

    name = "next_basket"

    def __init__(
        self,
        *,
        basket: Literal["order", "day"] = "order",
        horizon_days: int | None = None,
        prior_intervals: float = 10.0,
        prior_own: float = 3.0,
        explore: float = 0.3,
        n_neighbours: int = 100,
        min_count: int = 2,
        shrinkage: float = 10.0,
        newest: int = 50,
        mask_seen: bool = False,
    ) -> None:
        self.basket = basket
        self.horizon_days = horizon_days
        self.prior_intervals = prior_intervals
        self.prior_own = prior_own
        self.explore = explore
        self.n_neighbours = n_neighbours
        self.min_count = min_count
        self.shrinkage = shrinkage
        self.newest = newest
        self.mask_seen = mask_seen
        self.as_of: date | None = None  # set by whoever knows it; else the day after the last event
        self.pairs_: DataFrame | None = None
        self.again_: DataFrame | None = None

    def fit(self, data: Silver) -> Self:
        """Learns `pairs_` (product_id, associated_product_id, score, rank) and `again_` (as `repurchases`)."""
        bought = data.events.where("event_type = 'purchase' AND user_id IS NOT NULL")
        baskets = baskets_in_turn(bought, self.basket, self.newest).persist()
        pairs = followers(baskets, self.min_count, self.shrinkage)
        self.pairs_ = best_k(pairs, "product_id", "associated_product_id", self.n_neighbours).localCheckpoint()
        horizon_days = self.horizon_days or days_between(baskets)
        rhythm = Rhythm(horizon_days, self.prior_intervals, self.prior_own)
        self.again_ = repurchases(bought, self.as_of or day_after(data.events), rhythm).localCheckpoint()
        baskets.unpersist()
        return self

    def associate(self, k: int) -> DataFrame:
        """What is new in the baskets after those with a product: product_id, associated_product_id, score, rank.

        Raises:
            ValueError: fewer neighbours than `k` were kept.
        """
        if self.pairs_ is None:
            raise NotFitted(self)
        check_kept(k, self.n_neighbours)
        return self.pairs_.where(F.col("rank") <= k)

    def recommend(self, users: DataFrame, k: int) -> DataFrame:
        """The products most likely to be in the next basket: user_id, product_id, score, rank."""
        if self.pairs_ is None or self.again_ is None:
            raise NotFitted(self)
        lists = lists_of(self.pairs_).toDF("id", "ids", "values")
        if self.mask_seen:
            return recommend_sums(self._asked(users, mask_of(users, mask_seen=True)), lists, k)
        disliked = mask_of(users, mask_seen=False).alias("disliked")
        again = self.again_.join(users.select("user_id", disliked), "user_id")
        again = again.where(~F.array_contains("disliked", F.col("product_id")))
        # What was bought has its chance already, whatever makes a product a seen one.
        bought = again.groupBy("user_id").agg(F.collect_list("product_id").alias("bought"))
        given = users.join(bought, "user_id", "left")
        known_ids = F.concat(F.coalesce("bought", no_values("string")), mask_of(given, mask_seen=False))
        fresh = recommend_sums(self._asked(given, known_ids), lists, k)
        known = again.select("user_id", "product_id", F.col("probability").alias("score"))
        return best_k(known.unionByName(fresh.drop("rank")), "user_id", "product_id", k)

    def _asked(self, users: DataFrame, mask: Column) -> DataFrame:
        """What `recommend_sums` is asked with: the last basket of each customer, and what is not new to them."""
        asked = users.select(F.col("user_id").alias("id"), last_basket(users).alias("ids"), mask.alias("mask"))
        return asked.withColumn("values", F.transform("ids", lambda _: F.lit(self.explore)))


def baskets_in_turn(bought: DataFrame, basket: str, newest: int) -> DataFrame:
    """One row per basket of a customer: user_id, at, product_ids, next_at, and next_ids, what was new in the next one.

    Of larger baskets `newest` products are kept, drawn by a hash.
    """
    order = F.coalesce("order_id", F.date_format("event_at", "yyyy-MM-dd"))
    unit = order if basket == "order" else F.date_format("event_at", "yyyy-MM-dd")
    lines = bought.groupBy("user_id", unit.alias("basket"), "product_id").agg(F.min("event_at").alias("at"))
    first = F.row_number().over(Window.partitionBy("user_id", "product_id").orderBy("at", "basket")) == 1
    drawn = F.struct(F.xxhash64("product_id", "basket").alias("draw"), "product_id")
    baskets = (
        lines.withColumn("new", F.when(first, drawn))
        .groupBy("user_id", "basket")
        .agg(F.min("at").alias("at"), F.collect_list(drawn).alias("all"), F.collect_list("new").alias("new"))
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
    """The first day that all events lie before."""
    last: date | None = events.agg(F.date_add(F.to_date(F.max("event_at")), 1).alias("day")).collect()[0].day
    return last or date(1970, 1, 1)


def last_basket(users: DataFrame) -> Column:
    """The products of the last day with a purchase; the last product, where nothing but products is told."""
    if not {"event_types", "event_ats"} <= set(users.columns):
        return F.slice("product_ids", F.greatest(F.size("product_ids"), F.lit(1)), F.lit(1))
    steps = F.arrays_zip("product_ids", "event_types", "event_ats")
    newest_first = F.reverse(F.filter(steps, lambda step: step["event_types"] == "purchase"))
    nothing = F.struct(F.lit(None).cast("date").alias("day"), F.array().cast("array<string>").alias("product_ids"))

    # One pass: the last day looked up from within a filter would be found anew for each event.
    def gather(basket: Column, step: Column) -> Column:
        day = F.to_date(step["event_ats"])
        more = F.struct(
            day.alias("day"), F.array_append(basket["product_ids"], step["product_ids"]).alias("product_ids")
        )
        return F.when(basket["day"].isNull() | (basket["day"] == day), more).otherwise(basket)

    basket = F.aggregate(newest_first, nothing, gather, lambda basket: basket["product_ids"])
    return F.array_distinct(F.reverse(basket))


def _cut(drawn: str, newest: int) -> Column:
    """The products of the smallest draws."""
    return F.transform(F.slice(F.array_sort(drawn), 1, newest), lambda one: one["product_id"])
