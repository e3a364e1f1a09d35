"""What earlier looks at an experiment left of its always valid intervals."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date
from typing import Self

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

Key = tuple[str, str, str]  # experiment, arm, metric


@dataclass(frozen=True)
class Look:
    """The always valid p-value and interval after all looks so far."""

    p: float = 1.0
    low: float = -math.inf
    high: float = math.inf

    @classmethod
    def of(cls, p: float, low: float | None, high: float | None) -> Self:
        """From a table, where an infinite bound is null."""
        return cls(p, -math.inf if low is None else low, math.inf if high is None else high)

    def narrowed(self, p: float, low: float, high: float) -> Look:
        """After one more look."""
        return Look(min(self.p, p), max(self.low, low), min(self.high, high))


def earlier_looks(results: DataFrame, as_of: date, min_users: int) -> dict[Key, Look]:
    """What looks before `as_of` left per experiment, arm and metric: a few numbers each come to the driver.

    Looks at fewer customers than `min_users` leave nothing, nor do intervals without width: those without variance, as
    older versions stored them, and those of looks that contradict each other.

    Args:
        results: rows of gold.experiments of all days.
        as_of: the day of this look.
        min_users: minimum number of customers of an arm and of its control.
    """
    n_users, width = F.least("n_users", "n_control_users"), F.col("always_high") - F.col("always_low")
    is_earlier = F.col("as_of") < F.lit(as_of)
    is_valid = F.col("always_p").isNotNull() & (n_users >= min_users) & F.coalesce(width > 0, F.lit(True))
    looks = results.where(is_earlier & is_valid).groupBy("experiment", "arm", "metric")
    kept = looks.agg(F.min("always_p"), F.max("always_low"), F.min("always_high"))
    return {(row[0], row[1], row[2]): Look.of(row[3], row[4], row[5]) for row in kept.collect()}
