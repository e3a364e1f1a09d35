"""Collaborative filtering: what similar customers bought, from the events before a date.

Reads the silver tables; writes gold.candidates (per customer) and gold.associations (per product) of each model of
`cf.models` (model `x` is cartograph/cf/x.py), and the factors of als in gold.factors, from which `refresh` starts.

With --tune nothing is written: settings of `cf.tuning.space.<model>` are tried on models fitted `cf.tuning.days` before
the date and evaluated on what was bought since. Every trial is recorded, the best one printed.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from cartograph.cf.settings import CfSettings
from cartograph.cf.tuning import tuned
from cartograph.core.model_classes import configured_models
from cartograph.runtime.changes import keep_changes
from cartograph.runtime.command_line import main
from cartograph.runtime.job import Job
from cartograph.runtime.model_runs import fit_and_write_models


def run(job: Job) -> None:
    """Fits each model on the rows before `job.as_of` and writes its lists."""
    if getattr(job.arguments, "tune", False):
        tune(job)
        return
    settings: CfSettings = job.settings
    version = keep_changes(job.tables, "silver.events")  # before it is read: a refresh may see an event twice
    data = replace(job.silver(), events_version=version)
    users = job.customers(data.events, settings.history, settings.active_days)
    fit_and_write_models(job, configured_models("cf", settings), data, users, settings.k)
    users.unpersist()


def tune(job: Job) -> None:
    """Searches for the settings of one model that predict the last days best."""
    found = tuned(job.silver(), job.settings, job.as_of, job.config.seen.masked_by, partial(record, job))
    job.metric(f"best_ndcg_at_{found.k}", found.ndcg)
    print(found)


def record(job: Job, number: int, tried: Mapping[str, Any], ndcg: float) -> None:
    """Records one trial of a search."""
    with job.tracking.run(f"trial {number}"):
        job.tracking.log_settings({job.settings.tuning.model: dict(tried)})
        job.metric(f"ndcg_at_{job.settings.tuning.k}", ndcg)


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the job accepts besides the usual."""
    parser.add_argument("--tune", action="store_true", help="search for settings instead of writing lists")


if __name__ == "__main__":
    main("cf", run, __doc__, arguments)
