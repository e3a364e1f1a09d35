"""Corrections of p-values for many tests at once."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F


def with_q_value(tests: DataFrame, p_value: str, q_value: str, key: Sequence[str]) -> DataFrame:
    """The same rows with `q_value` (Benjamini & Hochberg 1995): the false discovery rate among the rows up to it.

    Args:
        tests: one row per test, all of one family; they are sorted in one task.
        p_value, q_value: columns, the second one new.
        key: columns that identify a row.
    """
    everything = Window.partitionBy(F.lit(0))
    falling = everything.orderBy(F.desc("place")).rowsBetween(Window.unboundedPreceding, 0)
    place, n_tests = F.row_number().over(everything.orderBy(p_value, *key)), F.count("*").over(everything)
    placed = tests.withColumns({"place": place, "n_tests": n_tests})
    step = F.col(p_value) * F.col("n_tests") / F.col("place")
    return placed.withColumn(q_value, F.least(F.lit(1.0), F.min(step).over(falling))).drop("place", "n_tests")


def least_of(*p_values: Column) -> Column:
    """The p-value of the smallest of several p-values: the probability that at least one is as small (Sidak 1967).

    Exact for independent tests, and conservative for positively dependent ones. 1 - (1 - p) ** n loses
    small p, so it is expanded: p (1 + q + ... + q ** (n - 1)) for q = 1 - p.
    """
    least = F.least(*p_values) if len(p_values) > 1 else p_values[0]
    spared = F.lit(1.0) - least
    powers = F.lit(1.0)
    for _ in p_values[1:]:
        powers = powers * spared + F.lit(1.0)
    return least * powers
