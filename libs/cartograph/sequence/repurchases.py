"""When customers buy the same product again: the chance of it in the days to come, and the day to expect.

Of those who bought a product, some never do again. The others come back after an interval whose logarithm is logistic
about a typical one, so the share of intervals up to t days is F(t) = 1 / (1 + (t / typical) ** (-1 / scale)). A
purchase that t days ago was the last has come to nothing so far, and leads to another one in the next h days with
probability

    r (F(t + h) - F(t)) / (1 - r F(t)),  r: the share of purchases that are followed by another one in the long run

(a mixture cure model: Berkson, Gage 1952; the task: Bhagat et al. 2018, Buy it again). Typical intervals and r are a
product's, as far as its intervals are many, else those of all products; a customer's own intervals count likewise.
Purchases too young to have been followed are not taken for lost: r is what has been followed over the sum of F(age).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from cartograph.core.schema import columns_of

_SD_TO_SCALE = math.sqrt(3) / math.pi  # of the logistic distribution
_LEAST_SCALE = 0.05


@dataclass(frozen=True)
class Rhythm:
    """How repurchases are predicted.

    Args:
        horizon_days: length of the time to come.
        prior_intervals: intervals of a product that those of all products count for.
        prior_own: a customer's own intervals that those of the product count for.
    """

    horizon_days: int = 30
    prior_intervals: float = 10.0
    prior_own: float = 3.0


def repurchases(events: DataFrame, as_of: date, rhythm: Rhythm) -> DataFrame:
    """One row per customer and product bought, with the chance that it is bought again.

    Columns: user_id, product_id, n_purchases (days on which it was bought), last_on, interval_days (the typical one),
    expected_on (even odds of an earlier and a later day, if it is bought again), probability (of a purchase in the
    `horizon_days` from `as_of` on).

    Args:
        events: rows of silver.events before `as_of`.
        as_of: today.
        rhythm: settings.
    """
    purchases = intervals(events, as_of).localCheckpoint()  # read five times
    products = _products(purchases, rhythm)
    own = purchases.groupBy("user_id", "product_id").agg(
        F.count("*").alias("n_purchases"), F.max("day").alias("last_on"), F.min("age").alias("age"),
        F.count("log_interval").alias("n"), F.coalesce(F.sum("log_interval"), F.lit(0.0)).alias("total"),
    )  # fmt: skip
    known = own.join(products, "product_id")
    typical = (F.col("total") + rhythm.prior_own * F.col("typical")) / (F.col("n") + rhythm.prior_own)
    share = F.when(F.col("n_purchases") == 1, F.col("first_share")).otherwise(F.col("later_share"))
    placed = known.withColumn("typical", typical).withColumn("share", share)
    return placed.select(*_told(as_of, rhythm.horizon_days))


def intervals(events: DataFrame, as_of: date) -> DataFrame:
    """One row per customer, product and day of purchase.

    Columns: user_id, product_id, day, age (days until `as_of`), place (from 1), log_interval (the logarithm of the days
    until it was bought again; null for the last).
    """
    bought = events.where("event_type = 'purchase' AND user_id IS NOT NULL AND product_id IS NOT NULL")
    days = bought.select("user_id", "product_id", F.to_date("event_at").alias("day")).distinct()
    in_turn = Window.partitionBy("user_id", "product_id").orderBy("day")
    return days.select(
        "user_id", "product_id", "day",
        F.datediff(F.lit(as_of), "day").alias("age"),
        F.row_number().over(in_turn).alias("place"),
        F.log(F.datediff(F.lead("day").over(in_turn), "day")).alias("log_interval"),
    )  # fmt: skip


def _products(purchases: DataFrame, rhythm: Rhythm) -> DataFrame:
    """One row per product: product_id, typical (mean log interval), scale, first_share, later_share (r, by place)."""
    measured = [
        F.count("log_interval").alias("n"), F.avg("log_interval").alias("mean"),
        F.var_pop("log_interval").alias("variance"),
    ]  # fmt: skip
    every = purchases.agg(*measured).select(
        F.coalesce("mean", F.lit(math.log(30.0))).alias("all_mean"),
        F.coalesce("variance", F.lit(1.0)).alias("all_variance"),
    )
    prior, n = F.lit(rhythm.prior_intervals), F.col("n")
    shrunk = {
        name: (n * F.coalesce(name, F.lit(0.0)) + prior * F.col(f"all_{name}")) / (n + prior)
        for name in ("mean", "variance")
    }
    spread = F.greatest(F.sqrt(shrunk["variance"]) * _SD_TO_SCALE, F.lit(_LEAST_SCALE))
    rhythms = (
        purchases.groupBy("product_id")
        .agg(*measured)
        .join(F.broadcast(every))
        .select("product_id", shrunk["mean"].alias("typical"), spread.alias("scale"))
    )
    return _shares(purchases.join(rhythms, "product_id"), rhythm.prior_intervals).join(rhythms, "product_id")


def _shares(purchases: DataFrame, prior: float) -> DataFrame:
    """One row per product: product_id, first_share and later_share, of first and later purchases that are followed."""
    seen = _followed_within(F.col("age")).alias("seen")
    first = F.col("place") == 1
    rows = purchases.select(
        "product_id", first.alias("first"), F.col("log_interval").isNotNull().cast("int").alias("followed"), seen
    )
    sums = [
        F.coalesce(F.sum(F.when(F.col("first") == is_first, F.col(name))), F.lit(0)).alias(f"{kind}_{name}")
        for kind, is_first in (("first", True), ("later", False))
        for name in ("followed", "seen")
    ]
    every = rows.agg(*sums)
    named = every.withColumnsRenamed({name: f"all_{name}" for name in every.columns})
    return (
        rows.groupBy("product_id")
        .agg(*sums)
        .join(F.broadcast(named))
        .select("product_id", *[_share(kind, prior).alias(f"{kind}_share") for kind in ("first", "later")])
    )


def _share(kind: str, prior: float) -> Column:
    """The share of purchases that are followed: a product's, and as much as `prior` purchases of all products'."""
    of_all = F.col(f"all_{kind}_followed") / F.greatest(F.col(f"all_{kind}_seen"), F.lit(1e-9))
    followed = F.col(f"{kind}_followed") + prior * F.least(of_all, F.lit(1.0))
    return F.least(followed / (F.col(f"{kind}_seen") + prior), F.lit(0.999))


def _followed_within(days: Column) -> Column:
    """F(days): the share of intervals, of those that end, of so many days at most."""
    far = (F.log(F.greatest(days, F.lit(0.5))) - F.col("typical")) / F.col("scale")
    return 1 / (1 + F.exp(-far))


def _told(as_of: date, horizon_days: int) -> list[Column]:
    """The columns of `repurchases`."""
    before, until = _followed_within(F.col("age")), _followed_within(F.col("age") + horizon_days)
    chance = F.col("share") * (until - before) / (1 - F.col("share") * before)
    half_way = (1 + before) / 2
    odds = F.pow(half_way / F.greatest(1 - half_way, F.lit(1e-9)), F.col("scale"))
    wait = F.least(F.exp("typical") * odds, F.lit(36_500.0))
    expected = F.greatest(F.date_add("last_on", F.ceil(wait).cast("int")), F.lit(as_of))
    made = {
        "user_id": F.col("user_id"), "product_id": F.col("product_id"), "n_purchases": F.col("n_purchases").cast("int"),
        "last_on": F.col("last_on"), "interval_days": F.exp("typical"), "expected_on": expected, "probability": chance,
    }  # fmt: skip
    return [made[name].alias(name) for name in columns_of("gold.repurchases") if name in made]
