"""Who entered an experiment, when, and in which arm, from the log of exposures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.experiment.assignment import arm
from cartograph.experiment.by_experiment import by_experiment
from cartograph.experiment.settings import ExperimentDeclaration


@dataclass(frozen=True)
class EnrolmentCounts:
    """Customers of one experiment: per arm, exposed to several arms, and in another arm than the salt gives."""

    n_users: dict[str, int]
    n_crossed: int
    n_misplaced: int


def enrolments(exposures: DataFrame, experiments: Mapping[str, ExperimentDeclaration]) -> DataFrame:
    """One row per experiment and customer: arm, entered_at (the first exposure), is_crossed, is_misplaced.

    A customer exposed to several arms is crossed, and belongs to the first of them; one in another arm than the hash
    gives is misplaced.

    Args:
        exposures: rows of gold.exposures; those of other experiments and those of guests are left out.
        experiments: declarations by name.
    """
    declared = exposures.where(F.col("experiment").isin([*experiments]) & F.col("user_id").isNotNull())
    first = F.min(F.struct("exposed_at", "arm")).alias("first")
    entered = declared.groupBy("experiment", "user_id").agg(first, F.size(F.collect_set("arm")).alias("n_arms"))
    salted = {name: each for name, each in experiments.items() if each.salt is not None}
    expected = {name: arm(F.col("user_id"), str(each.salt), each.shares) for name, each in salted.items()}
    is_misplaced = F.col("first.arm") != by_experiment(expected, "string")
    return entered.select(
        "experiment",
        "user_id",
        F.col("first.arm").alias("arm"),
        F.col("first.exposed_at").alias("entered_at"),
        (F.col("n_arms") > 1).alias("is_crossed"),
        F.coalesce(is_misplaced, F.lit(False)).alias("is_misplaced"),
    )


def enrolment_counts(entered: DataFrame) -> dict[str, EnrolmentCounts]:
    """The number of customers of each experiment: a few numbers per experiment come to the driver."""
    rows = entered.groupBy("experiment", "arm").agg(
        F.count(F.lit(1)).alias("n"),
        F.sum(F.col("is_crossed").cast("long")).alias("crossed"),
        F.sum(F.col("is_misplaced").cast("long")).alias("misplaced"),
    )
    found: dict[str, EnrolmentCounts] = {}
    for row in rows.collect():
        old = found.get(row["experiment"], EnrolmentCounts({}, 0, 0))
        n_users = old.n_users | {row["arm"]: row["n"]}
        n_crossed, n_misplaced = old.n_crossed + row["crossed"], old.n_misplaced + row["misplaced"]
        found[row["experiment"]] = EnrolmentCounts(n_users, n_crossed, n_misplaced)
    return found
