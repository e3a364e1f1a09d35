"""How far refreshed factors have moved from the fit that they started from, and whether a new fit is advised."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F


@dataclass(frozen=True)
class Drift:
    """How far one side has moved from what was fitted.

    Attributes:
        new_share: new rows / rows fitted.
        changed_share: refreshed rows that were fitted / rows fitted.
        movement: root of (squared length of the changes of refreshed rows / squared length of all fitted factors).
    """

    new_share: float
    changed_share: float
    movement: float

    def advises_fit(self, bound: float) -> bool:
        """Whether either share of new rows or movement has passed the bound, so that the fixed side is out of date."""
        return max(self.new_share, self.movement) > bound


def drift(fitted: DataFrame, newer: DataFrame, column: str) -> Drift:
    """The drift of one side.

    Args:
        fitted: `column`, vector: the factors of the last fit, all of them.
        newer: `column`, vector: all factors that were refreshed since.
        column: user_id or product_id.
    """
    both = fitted.join(newer.withColumnRenamed("vector", "newer"), column, "full")

    def squared(vector: str, other: str | None = None) -> Column:
        values = F.zip_with(vector, other, lambda a, b: a - b) if other else F.col(vector)
        return F.aggregate(values, F.lit(0.0), lambda total, x: total + x.cast("double") * x)

    row = both.agg(
        F.count("vector").alias("n"),
        F.count_if(F.col("vector").isNull()).alias("n_new"),
        F.count_if(F.col("vector").isNotNull() & F.col("newer").isNotNull()).alias("n_changed"),
        F.sum(squared("vector")).alias("length"),
        F.sum(F.when(F.col("newer").isNotNull() & F.col("vector").isNotNull(), squared("newer", "vector"))).alias(
            "moved"
        ),
    ).head()
    assert row is not None
    if not row.n:
        return Drift(float("inf") if row.n_new else 0.0, 0.0, 0.0)
    return Drift(row.n_new / row.n, row.n_changed / row.n, float(np.sqrt((row.moved or 0.0) / (row.length or 1.0))))


@dataclass(frozen=True)
class DriftReport:
    """The drift of both sides.

    Attributes:
        metrics: by name, for the record of the run.
        messages: the same in sentences, with the advice to fit again where the bound has been passed.
    """

    metrics: Mapping[str, float]
    messages: tuple[str, ...]


def drift_report(
    fitted: Mapping[str, DataFrame], newer: Mapping[str, DataFrame], fitted_as_of: date, bound: float
) -> DriftReport:
    """The drift of each side, and whether a new fit is advised.

    Args:
        fitted: by user_id and product_id, the factors of the fit.
        newer: the same, all factors that were refreshed since.
        fitted_as_of: day of the fit.
        bound: above which a fit is advised.
    """
    metrics: dict[str, float] = {}
    messages = []
    moved = {column: drift(fitted[column], newer[column], column) for column in fitted}
    for column, found in moved.items():
        side = column.removesuffix("_id")
        metrics |= {f"{side}_{name}": value for name, value in vars(found).items()}
        messages.append(
            f"{side}s since the fit of {fitted_as_of}: {found.new_share:.2%} new, {found.changed_share:.2%} changed, "
            f"factors moved by {found.movement:.2%}"
        )
    is_advised = any(found.advises_fit(bound) for found in moved.values())
    if is_advised:
        messages.append(f"that is more than cf.refresh.drift_bound, {bound:g}: a new fit is advised (jobs/cf.py)")
    return DriftReport(metrics | {"fit_advised": float(is_advised)}, tuple(messages))
