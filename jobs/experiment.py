"""What came of the experiments on customers: a verdict per experiment, arm and metric, a decision per arm.

Reads gold.exposures, which the shop's servers append to (docs/operations.md), and silver.events before `as_of`; writes
gold.experiments at `as_of`. Where lists were drawn with known propensities it also says what each model's lists of
`as_of` - off_policy.horizon_days would have earned, in gold.off_policy at that earlier day.
Deliberately not done here: dealing customers to arms, which servers do by `evaluate.assignment`.
"""

from __future__ import annotations

from datetime import timedelta

from pyspark.sql import functions as F

from cartograph.experiment.declared import Experiment
from cartograph.experiment.logged_decisions import decisions, logged_places
from cartograph.experiment.metric_verdicts import Levels, Look
from cartograph.experiment.off_policy import off_policy_values
from cartograph.experiment.results import Key, verdicts
from cartograph.runtime.command_line import main
from cartograph.runtime.job import Job


def run(job: Job) -> None:
    """Judges the experiments of `job.settings.declared` by what happened before `job.as_of`."""
    if not job.tables.exists("gold.exposures"):
        job.progress.say("gold.exposures has not been written: nothing was shown in an experiment yet")
        return
    settings = job.settings
    assert job.as_of is not None
    experiments = [Experiment(name=name, **each.model_dump()) for name, each in settings.declared.items()]
    levels = Levels(settings.level, settings.power, settings.sample_ratio_level, settings.min_users)
    exposures, events = job.read("gold.exposures"), job.read("silver.events")
    shown = {row[0] for row in exposures.select("experiment").distinct().collect()}  # names of experiments: a few
    undeclared = sorted(shown - settings.declared.keys())
    if undeclared:
        job.progress.say(f"left out, as experiment.declared does not name them: {', '.join(undeclared)}")
    judged = verdicts(exposures, events, experiments, job.as_of, levels, earlier_looks(job))
    job.metric("n_verdicts", job.replace("gold.experiments", judged).rows)
    value_other_lists(job)


def earlier_looks(job: Job) -> dict[Key, Look]:
    """What the verdicts of earlier days left of the always valid intervals.

    Looks at fewer customers than are asked for leave nothing, nor do intervals without width: those of no variance, as
    they once were stored, and those of looks that contradict each other.
    """
    if not job.tables.exists("gold.experiments"):
        return {}
    n_users, width = F.least("n_users", "n_control_users"), F.col("always_high") - F.col("always_low")
    past = job.read_all("gold.experiments").where(
        (F.col("as_of") < F.lit(job.as_of)) & F.col("always_p").isNotNull()
        & (n_users >= job.settings.min_users) & F.coalesce(width > 0, F.lit(True))
    )  # fmt: skip
    key = ["experiment", "arm", "metric"]
    kept = past.groupBy(*key).agg(F.min("always_p"), F.max("always_low"), F.min("always_high"))
    return {(row[0], row[1], row[2]): Look.of(row[3], row[4], row[5]) for row in kept.collect()}


def value_other_lists(job: Job) -> None:
    """Writes what the lists of an earlier day would have earned, if lists since were drawn with propensities."""
    settings = job.settings.off_policy
    assert job.as_of is not None
    day = job.as_of - timedelta(days=settings.horizon_days)
    drawn = job.read("gold.exposures").where("propensities is not null")
    since = drawn.where(F.col("exposed_at") >= F.lit(day).cast("timestamp"))
    if since.isEmpty():
        return
    places = logged_places(since, job.read("silver.events"), settings.window_days, job.as_of)
    asked = decisions(places.persist(), job.read("gold.candidates", as_of=day), settings.prior_strength)
    values = off_policy_values(asked, job.settings.level, job.settings.min_users)
    job.replace("gold.off_policy", values, as_of=day)
    places.unpersist()


if __name__ == "__main__":
    main("experiment", run, __doc__)
