"""Who entered an experiment, when, and in which arm, from the log of exposures."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from cartograph.experiment.assignment import arm
from cartograph.experiment.declared import Experiment


@dataclass(frozen=True)
class Counts:
    """Customers of one experiment: per arm, seen in several arms, and in another arm than the salt gives."""

    n_users: dict[str, int]
    n_crossed: int
    n_misplaced: int


def entries(exposures: DataFrame, experiments: Iterable[Experiment]) -> DataFrame:
    """One row per experiment and customer: arm, entered_at (the first exposure), is_crossed, is_misplaced.

    A customer seen in several arms is crossed, and belongs to the first of them; one in another arm than the hash
    gives is misplaced.

    Args:
        exposures: rows of gold.exposures; those of other experiments and those of guests are left out.
        experiments: that are judged.
    """
    declared = list(experiments)
    named = exposures.where(F.col("experiment").isin([each.name for each in declared]) & F.col("user_id").isNotNull())
    first = F.min(F.struct("exposed_at", "arm")).alias("first")
    entered = named.groupBy("experiment", "user_id").agg(first, F.size(F.collect_set("arm")).alias("n_arms"))
    return entered.select(
        "experiment",
        "user_id",
        F.col("first.arm").alias("arm"),
        F.col("first.exposed_at").alias("entered_at"),
        (F.col("n_arms") > 1).alias("is_crossed"),
        F.coalesce(F.col("first.arm") != _expected_arm(declared), F.lit(False)).alias("is_misplaced"),
    )


def counts(entered: DataFrame) -> dict[str, Counts]:
    """How many customers each experiment has: a few numbers per experiment."""
    rows = entered.groupBy("experiment", "arm").agg(
        F.count(F.lit(1)).alias("n"),
        F.sum(F.col("is_crossed").cast("long")).alias("crossed"),
        F.sum(F.col("is_misplaced").cast("long")).alias("misplaced"),
    )
    found: dict[str, Counts] = {}
    for row in rows.collect():
        old = found.get(row["experiment"], Counts({}, 0, 0))
        n_users = old.n_users | {row["arm"]: row["n"]}
        found[row["experiment"]] = Counts(n_users, old.n_crossed + row["crossed"], old.n_misplaced + row["misplaced"])
    return found


def _expected_arm(experiments: Iterable[Experiment]) -> Column:
    """The arm that the hash gives; null where an experiment was dealt by somebody else."""
    expected = F.lit(None).cast("string")
    for each in experiments:
        if each.salt is not None:
            dealt = arm(F.col("user_id"), each.salt, each.shares)
            expected = F.when(F.col("experiment") == each.name, dealt).otherwise(expected)
    return expected
