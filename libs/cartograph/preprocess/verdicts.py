"""Verdicts on rows: the first rule that sets a row aside, with a reason that quotes the value."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

Rule = tuple[str, Column, Column]  # name, condition, reason
RAW = "raw"  # The row as it was delivered, a struct of strings.


def verdict(rules: Sequence[Rule]) -> Column:
    """The first rule that applies as a struct of `rule` and `reason`; null when none does."""
    return F.coalesce(
        *[
            F.when(condition, F.struct(F.lit(name).alias("rule"), reason.alias("reason")))
            for name, condition, reason in rules
        ]
    )


def with_verdict(rows: DataFrame, found: Column) -> DataFrame:
    """The rows with a verdict as `rule` and `reason`."""
    marked = rows.withColumn("verdict", found)
    return marked.withColumns({"rule": F.col("verdict.rule"), "reason": F.col("verdict.reason")}).drop("verdict")


def is_lost(column: str) -> Column:
    """Whether there was text that could not be read as a value."""
    given = F.col(RAW)[column]
    return F.col(column).isNull() & given.isNotNull() & (F.trim(given) != "")


def value_reason(column: str, problem: str) -> Column:
    """The reason `column 'value' problem`."""
    return F.concat(F.lit(f"{column} '"), F.col(RAW)[column], F.lit(f"' {problem}"))


def future_rule(column: str) -> Rule:
    """The rule for a time after the row was known: a fast clock, or a typing error."""
    known_until = F.date_format("known_until", "yyyy-MM-dd HH:mm")
    reason = F.concat(value_reason(column, "lies after "), known_until, F.lit(", when the row was known"))
    return "future_time", F.col(column) >= F.col("known_until"), reason


def raw_map(columns: Sequence[str]) -> Column:
    """The row as it was delivered, as a map of the columns that had a value."""
    fields = [part for name in columns for part in (F.lit(name), F.col(RAW)[name])]
    return F.map_filter(F.create_map(*fields), lambda _, value: value.isNotNull())
