"""Moments of a metric over the customers of an arm, aggregated by Spark."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F


@dataclass(frozen=True)
class Moments:
    """Moments of one metric in one arm, and of the same metric of the same customers before they entered."""

    n: int
    mean: float
    variance: float
    before_mean: float
    before_variance: float
    covariance: float


BEFORE = "before_"  # Prefix of a metric measured before the experiment.


def arm_moments(outcomes: DataFrame, metrics: Sequence[str]) -> dict[tuple[str, str], dict[str, Moments]]:
    """Per experiment and arm the moments of each metric; arms of fewer than two customers are left out.

    Only these few numbers per arm come to the driver. Spark's own aggregates are used, not sums of squares, which lose
    precision where the mean is large relative to the spread.

    Args:
        outcomes: experiment, arm, `metrics` and `before_<metric>` of each, one row per customer.
        metrics: names of columns.
    """
    measured = [column for metric in metrics for column in (
        F.avg(metric).alias(f"{metric} mean"),
        F.var_samp(metric).alias(f"{metric} variance"),
        F.avg(BEFORE + metric).alias(f"{metric} before_mean"),
        F.var_samp(BEFORE + metric).alias(f"{metric} before_variance"),
        F.covar_samp(metric, BEFORE + metric).alias(f"{metric} covariance"),
    )]  # fmt: skip
    arms = outcomes.groupBy("experiment", "arm").agg(F.count(F.lit(1)).alias("n"), *measured).where("n > 1").collect()
    names = [name for name in Moments.__dataclass_fields__ if name != "n"]
    return {
        (row["experiment"], row["arm"]): {
            metric: Moments(row["n"], **{name: row[f"{metric} {name}"] for name in names}) for metric in metrics
        }
        for row in arms
    }
