"""When customers buy the same product again: the probability in the days to come, and the expected day.

Customers come back by habit, after a typical interval, or at random, at a constant rate (`return_times`; the task:
Bhagat et al. 2018, Buy it again). The share S(t) of purchases is not followed within t days, so the next h days bring
another one with probability 1 - S(t + h) / S(t). Intervals and shares of a product with few intervals are
shrunk towards those of all products. A customer's own intervals are shrunk towards the product's, the one still open
included: at its length by now, plus the expected rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from cartograph.core.tables.schema import columns_of
from cartograph.sequence.return_times import Intervals, Prior, fitted, prior_of
from cartograph.sequence.settings import RepurchaseSettings

_COUNTS = ("days", "n", "is_ended", "is_first")
_FITTED = "product_id string, typical double, scale double, first_share double, later_share double, by_chance double"


def repurchases(events: DataFrame, as_of: date, settings: RepurchaseSettings) -> DataFrame:
    """One row per customer and product bought, with the probability that it is bought again.

    Columns: user_id, product_id, n_purchases (days on which it was bought), last_on, interval_days (the typical one),
    expected_on (even odds of an earlier and a later day, if it is bought again by habit), probability (of a purchase in
    the `horizon_days` from `as_of` on).

    Args:
        events: rows of silver.events before `as_of`.
        as_of: today.
        settings: the horizon, and how far the intervals of all products and customers count.
    """
    purchases = intervals(events, as_of).localCheckpoint()  # read twice
    own = purchases.groupBy("user_id", "product_id").agg(
        F.count("*").alias("n_purchases"), F.max("day").alias("last_on"),
        F.sum(F.when(~F.col("is_ended"), F.col("days"))).alias("age"),
        F.sum(F.when(F.col("is_ended"), F.log("days")).otherwise(0.0)).alias("total"),
    )  # fmt: skip
    known = own.join(return_times(purchases, settings.prior_intervals), "product_id")
    share = F.when(F.col("n_purchases") == 1, F.col("first_share")).otherwise(F.col("later_share"))
    matched = known.withColumn("share", share).withColumn("typical", _own_typical(settings.prior_own))
    return matched.select(*_predicted(as_of, settings.horizon_days))


def intervals(events: DataFrame, as_of: date) -> DataFrame:
    """One row per customer, product and day of purchase.

    Columns: user_id, product_id, day, days (until it was bought again, or until `as_of`), is_ended (whether it was),
    is_first (whether it was the customer's first purchase of the product).
    """
    bought = events.where("event_type = 'purchase' AND user_id IS NOT NULL AND product_id IS NOT NULL")
    days = bought.select("user_id", "product_id", F.to_date("event_at").alias("day")).distinct()
    in_turn = Window.partitionBy("user_id", "product_id").orderBy("day")
    next_day = F.lead("day").over(in_turn)
    return days.select(
        "user_id", "product_id", "day",
        F.datediff(F.coalesce(next_day, F.lit(as_of)), "day").alias("days"),
        next_day.isNotNull().alias("is_ended"),
        (F.row_number().over(in_turn) == 1).alias("is_first"),
    )  # fmt: skip


def return_times(purchases: DataFrame, prior_intervals: float) -> DataFrame:
    """One row per product: product_id and the parameters of `ReturnTime`.

    Args:
        purchases: as `intervals` makes them; only the number of intervals of each length reaches the driver.
        prior_intervals: weight of the intervals of all products, in intervals.
    """
    kinds = [name for name in _COUNTS if name != "n"]
    counted = purchases.groupBy("product_id", *kinds).agg(F.count("*").alias("n")).localCheckpoint()
    of_shop = counted.groupBy(*kinds).agg(F.sum("n").alias("n")).toArrow()
    prior = prior_of(_intervals(*(of_shop[name].combine_chunks() for name in _COUNTS)), prior_intervals)
    listed = counted.groupBy("product_id").agg(F.collect_list(F.struct(*_COUNTS)).alias("all"))
    columns = listed.select("product_id", *[f"all.{name}" for name in _COUNTS])
    return columns.mapInArrow(partial(_fit, prior=prior), _FITTED)


def _fit(batches: Iterable[pa.RecordBatch], prior: Prior) -> Iterator[pa.RecordBatch]:
    """The products of each batch with their return times."""
    for batch in batches:
        lengths = batch.column(1).value_lengths().to_numpy(zero_copy_only=False)
        starts = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
        found = fitted(starts, _intervals(*(column.flatten() for column in batch.columns[1:])), prior)
        columns = [batch.column(0), *(pa.array(np.ascontiguousarray(numbers)) for numbers in found.T)]
        yield pa.record_batch(columns, [column.split()[0] for column in _FITTED.split(", ")])


def _intervals(days: pa.Array, counts: pa.Array, is_ended: pa.Array, is_first: pa.Array) -> Intervals:
    """The columns as arrays."""
    lengths = (pc.cast(each, pa.float64()).to_numpy(zero_copy_only=False) for each in (days, counts))
    kinds = (pc.cast(each, pa.int8()).to_numpy(zero_copy_only=False).astype(bool) for each in (is_ended, is_first))
    return Intervals(*lengths, *kinds)


def _own_typical(prior: float) -> Column:
    """A customer's typical interval: the mean of those ended, of the open one, and of `prior` as those of the product.

    The open one counts with the probability that it ends by habit, at its expected final length.
    """
    far = _distance(F.col("age"))
    by_habit = F.col("share") * (1 - _over(F.col("age"))) / _open(F.col("age"))
    in_the_end = F.col("typical") + F.col("scale") * (far + F.log1p(F.exp(-far)) * (1 + F.exp(far)))
    n_ended = F.col("n_purchases") - 1
    total = F.col("total") + by_habit * in_the_end + prior * F.col("typical")
    return total / (n_ended + by_habit + prior)


def _distance(days: Column) -> Column:
    """The logarithm of the days, standardised: how many scales it is above the typical one."""
    return (F.log(F.greatest(days, F.lit(0.5))) - F.col("typical")) / F.col("scale")


def _over(days: Column) -> Column:
    """The share of habitual intervals that have ended after `days`."""
    return 1 / (1 + F.exp(-_distance(days)))


def _open(days: Column) -> Column:
    """S(days): the share of all intervals that are still open after `days`."""
    return F.col("share") * (1 - _over(days)) + (1 - F.col("share")) * F.exp(-F.col("by_chance") * days)


def _predicted(as_of: date, horizon_days: int) -> list[Column]:
    """The columns of `repurchases`."""
    probability = 1 - _open(F.col("age") + horizon_days) / _open(F.col("age"))
    half_way = (1 + _over(F.col("age"))) / 2
    odds = F.pow(half_way / F.greatest(1 - half_way, F.lit(1e-9)), F.col("scale"))
    wait = F.least(F.exp("typical") * odds, F.lit(36_500.0))
    expected = F.greatest(F.date_add("last_on", F.round(wait).cast("int")), F.lit(as_of))
    made = {
        "user_id": F.col("user_id"), "product_id": F.col("product_id"), "n_purchases": F.col("n_purchases").cast("int"),
        "last_on": F.col("last_on"), "interval_days": F.exp("typical"), "expected_on": expected,
        "probability": probability,
    }  # fmt: skip
    return [made[name].alias(name) for name in columns_of("gold.repurchases") if name in made]
