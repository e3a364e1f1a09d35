"""Results of the experiments on customers: a verdict per experiment, arm and metric, a decision per arm.

Reads gold.exposures, which the shop's servers append to (docs/operations.md), and silver.events before `as_of`; writes
gold.experiments at `as_of`. If lists were sampled with known propensities, it also estimates what each model's lists of
`as_of` - off_policy.horizon_days would have earned, and writes gold.off_policy at that earlier day.
Not done here: assigning customers to arms, which servers do with `experiment.assignment`.
"""

from __future__ import annotations

from datetime import timedelta

from cartograph.experiment.logged_decisions import logged_decisions, policy_decisions
from cartograph.experiment.looks import earlier_looks
from cartograph.experiment.off_policy import off_policy_values
from cartograph.experiment.results import experiment_results, undeclared
from cartograph.experiment.settings import ExperimentSettings
from cartograph.runtime.command_line import main
from cartograph.runtime.job import Job


def run(job: Job) -> None:
    """Writes the results of the declared experiments, from what happened before `job.as_of`."""
    settings: ExperimentSettings = job.settings
    assert job.as_of is not None
    if not job.tables.exists("gold.exposures"):
        job.progress.say("gold.exposures has not been written: nothing was shown in an experiment yet")
        return
    exposures, events = job.read("gold.exposures"), job.read("silver.events")
    unknown = undeclared(exposures, settings)
    if unknown:
        job.progress.say(f"skipping experiments that experiment.declared does not contain: {', '.join(unknown)}")
    earlier = {}
    if job.tables.exists("gold.experiments"):
        earlier = earlier_looks(job.read_all("gold.experiments"), job.as_of, settings.min_users)
    results = experiment_results(exposures, events, settings, job.as_of, earlier)
    job.metric("n_verdicts", job.replace("gold.experiments", results).rows)
    estimate_other_lists(job)


def estimate_other_lists(job: Job) -> None:
    """Writes what the lists of an earlier day would have earned, if lists since were sampled with propensities."""
    settings: ExperimentSettings = job.settings
    assert job.as_of is not None
    day = job.as_of - timedelta(days=settings.off_policy.horizon_days)
    sampled = job.read_since("gold.exposures", day).where("propensities is not null")
    if sampled.isEmpty():
        return
    logged = logged_decisions(sampled, job.read("silver.events"), settings.off_policy, job.as_of).persist()
    decisions = policy_decisions(logged, job.read("gold.candidates", as_of=day), settings.off_policy)
    job.replace("gold.off_policy", off_policy_values(decisions, settings), as_of=day)
    logged.unpersist()


if __name__ == "__main__":
    main("experiment", run, __doc__)
