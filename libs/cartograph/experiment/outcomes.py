"""What each customer did in the days after entering an experiment, and in the days before."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from cartograph.experiment.declared import Experiment
from cartograph.experiment.moments import BEFORE

METRICS = ("revenue", "orders", "units", "converted", "carts", "views", "returns")


def outcomes(entered: DataFrame, events: DataFrame, experiments: Iterable[Experiment], as_of: date) -> DataFrame:
    """One row per experiment and customer whose window is over: arm, each metric, `before_<metric>` of each.

    Everybody is watched equally long, so late comers do not look like poor customers. Customers seen in several arms
    or in a wrong one are left out.

    Args:
        entered: of `entries`.
        events: rows of silver.events before `as_of`.
        experiments: give the windows.
        as_of: the day that everything happened before.
    """
    windows = _windows(entered, experiments)
    over = F.expr("entered_at + make_dt_interval(window_days)") <= F.lit(as_of).cast("timestamp")
    judged = windows.where(over & ~F.col("is_crossed") & ~F.col("is_misplaced"))
    near = (F.col("event_at") >= F.expr("entered_at - make_dt_interval(before_days)")) & (
        F.col("event_at") < F.expr("entered_at + make_dt_interval(window_days)")
    )
    after = F.col("event_at") >= F.col("entered_at")
    acts = judged.join(events, "user_id").where(near).select(*judged.columns, after.alias("is_after"), *_facts())
    is_after = F.col("is_after")
    sums = acts.groupBy("experiment", "user_id").agg(
        *[column.alias(name) for name, column in _measured(is_after).items()],
        *[column.alias(BEFORE + name) for name, column in _measured(~is_after).items()],
    )
    names = [*METRICS, *(BEFORE + metric for metric in METRICS)]
    watched = judged.select("experiment", "user_id", "arm").join(sums, ["experiment", "user_id"], "left")
    return watched.na.fill(0.0, names)


def _windows(entered: DataFrame, experiments: Iterable[Experiment]) -> DataFrame:
    """`entered` with window_days and before_days of its experiment."""
    after = before = F.lit(None).cast("int")
    for each in experiments:
        is_this = F.col("experiment") == each.name
        after = F.when(is_this, each.window_days).otherwise(after)
        before = F.when(is_this, each.before_days).otherwise(before)
    return entered.withColumns({"window_days": after, "before_days": before})


def _facts() -> list[Column]:
    """What the metrics are made of, per event; a purchase without a quantity is one piece."""
    pieces = F.coalesce("quantity", F.lit(1)).cast("double")
    return [
        F.col("event_type"),
        F.col("order_id"),
        pieces.alias("pieces"),
        (pieces * F.coalesce("unit_price", F.lit(0.0))).alias("paid"),
    ]


def _measured(within: Column) -> dict[str, Column]:
    """Each metric over the events that are `within` the period: double, in order of METRICS."""
    kind = F.col("event_type")
    bought = within & (kind == "purchase")

    def number_of(event_type: str) -> Column:
        return F.count(F.when(within & (kind == event_type), 1)).cast("double")

    return {
        "revenue": F.sum(F.when(bought, F.col("paid")).otherwise(0.0)),
        "orders": F.size(F.collect_set(F.when(bought, F.col("order_id")))).cast("double"),
        "units": F.sum(F.when(bought, F.col("pieces")).otherwise(0.0)),
        "converted": F.max(F.when(bought, 1.0).otherwise(0.0)),
        "carts": number_of("cart"),
        "views": number_of("view"),
        "returns": number_of("return"),
    }
