"""What each customer did in the days after entering an experiment, and in the days before."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import get_args

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from cartograph.experiment.by_experiment import by_experiment
from cartograph.experiment.moments import BEFORE
from cartograph.experiment.settings import ExperimentDeclaration, Metric

METRICS: tuple[str, ...] = get_args(Metric)


def outcomes(
    entered: DataFrame, events: DataFrame, experiments: Mapping[str, ExperimentDeclaration], as_of: date
) -> DataFrame:
    """One row per experiment and customer whose window is over: arm, each metric, `before_<metric>` of each.

    All customers are observed for equally long, so that late entrants do not look like low spenders. Customers exposed
    to several arms or to a wrong one are left out.

    Args:
        entered: see `enrolments`.
        events: rows of silver.events before `as_of`.
        experiments: declarations by name, with the windows.
        as_of: the day before which everything happened.
    """
    windows = entered.withColumns({
        name: by_experiment({key: getattr(each, name) for key, each in experiments.items()}, "int")
        for name in ("window_days", "before_days")
    })  # fmt: skip
    is_over = F.expr("entered_at + make_dt_interval(window_days)") <= F.lit(as_of).cast("timestamp")
    observed = windows.where(is_over & ~F.col("is_crossed") & ~F.col("is_misplaced"))
    is_near = (F.col("event_at") >= F.expr("entered_at - make_dt_interval(before_days)")) & (
        F.col("event_at") < F.expr("entered_at + make_dt_interval(window_days)")
    )
    is_after = (F.col("event_at") >= F.col("entered_at")).alias("is_after")
    acts = observed.join(events, "user_id").where(is_near).select(*observed.columns, is_after, *_event_values())
    sums = acts.groupBy("experiment", "user_id").agg(
        *[column.alias(name) for name, column in _metrics(F.col("is_after")).items()],
        *[column.alias(BEFORE + name) for name, column in _metrics(~F.col("is_after")).items()],
    )
    names = [*METRICS, *(BEFORE + metric for metric in METRICS)]
    customers = observed.select("experiment", "user_id", "arm").join(sums, ["experiment", "user_id"], "left")
    return customers.na.fill(0.0, names)


def _event_values() -> list[Column]:
    """What the metrics are made of, per event; a purchase without a quantity is one piece."""
    pieces = F.coalesce("quantity", F.lit(1)).cast("double")
    return [
        F.col("event_type"),
        F.col("order_id"),
        pieces.alias("pieces"),
        (pieces * F.coalesce("unit_price", F.lit(0.0))).alias("paid"),
    ]


def _metrics(within: Column) -> dict[str, Column]:
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
