"""Collaborative filtering: what customers alike bought, from the events before a date.

Reads the silver tables; writes the partition of each model of `cf.models` in gold.candidates (per customer) and
gold.associations (per product), and the factors of als in gold.factors, which `refresh` starts from. Deliberately not
done here: judging the models (`evaluate`) and mixing them (`rank`).

With --tune nothing is written: settings of `cf.tuning.space.<model>` are tried on a model fitted to what was known
`cf.tuning.days` before the date and judged by what was bought since; every trial is recorded, the best one printed.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Any

from pyspark.sql import DataFrame

from cartograph.cf.als import Als
from cartograph.cf.bpr import Bpr
from cartograph.cf.cooccurrence import Cooccurrence
from cartograph.cf.ease import Ease
from cartograph.cf.factors import factor_rows
from cartograph.cf.item_neighbours import ItemNeighbours
from cartograph.cf.popularity import Popularity
from cartograph.cf.rp3beta import Rp3Beta
from cartograph.cf.settings import CfSettings
from cartograph.cf.slim import Slim
from cartograph.cf.swing import Swing
from cartograph.cf.tuning import Period, search
from cartograph.cf.user_neighbours import UserNeighbours
from cartograph.core.errors import UserError
from cartograph.core.model import Model
from cartograph.core.views.histories import active, histories
from cartograph.runtime.changes import keep_changes
from cartograph.runtime.command_line import main
from cartograph.runtime.job import Job

MODELS: dict[str, Any] = {
    "popularity": Popularity,
    "item_neighbours": ItemNeighbours,
    "cooccurrence": Cooccurrence,
    "swing": Swing,
    "rp3beta": Rp3Beta,
    "ease": Ease,
    "slim": Slim,
    "user_neighbours": UserNeighbours,
    "bpr": Bpr,
    "als": Als,
}


def run(job: Job) -> None:
    """Fits each model on the rows before `job.as_of` and writes its lists."""
    if getattr(job.arguments, "tune", False):
        tune(job)
        return
    settings: CfSettings = job.settings
    version = keep_changes(job.tables, "silver.events")  # before it is read: a refresh may know an event twice
    data = job.silver()
    users = customers(job, data.events).persist()
    n_customers = users.count()
    job.metric("n_customers", n_customers)
    if not n_customers:
        job.progress.say(f"no customer is known before {job.as_of}: there is nobody to make lists for")
    for name in settings.models:
        model = configured(name, settings)
        if not job.fitted(model, data):
            continue
        if isinstance(model, Als) and settings.refresh.keep_factors:
            keep_factors(job, model, version)
        job.write_lists(name, model.recommend(users, settings.k), model.associate(settings.k))
    users.unpersist()


def keep_factors(job: Job, model: Als, events_version: int) -> None:
    """Writes the factors of a fitted model, straight from the executors that hold them."""
    assert model.user_factors_ is not None
    assert model.item_factors_ is not None
    rows = factor_rows(model.user_factors_, model.item_factors_, job.as_of, events_version)
    job.metric(f"n_factors_{model.name}", job.replace("gold.factors", rows, model=model.name).rows)


def tune(job: Job) -> None:
    """Searches for the settings of one model that predict the last days before `job.as_of` best."""
    settings: CfSettings = job.settings
    tuning = settings.tuning
    if job.as_of is None:
        raise ValueError("cf --tune needs a date, --as-of")
    if not tuning.space.get(tuning.model):
        raise UserError(f"cf.tuning.space.{tuning.model} names no setting to search for, with its lower and upper end")
    start = datetime.combine(job.as_of - timedelta(days=tuning.days), time(), tzinfo=UTC)
    period = Period.since(job.silver(), start, settings.history, job.config.seen.masked_by)

    def record(number: int, tried: Mapping[str, Any], ndcg: float) -> None:
        with job.tracking.run(f"trial {number}"):
            job.tracking.log_settings({tuning.model: dict(tried)})
            job.tracking.log_metrics({f"ndcg_at_{tuning.k}": ndcg})

    best, ndcg = search(
        lambda tried: configured(tuning.model, settings, **tried),
        period, tuning.space[tuning.model], tuning.trials, tuning.k, tuning.seed, record,
    )  # fmt: skip
    job.metric(f"best_ndcg_at_{tuning.k}", ndcg)
    chosen = " ".join(f"--set cf.{tuning.model}.{name}={value:g}" for name, value in best.items())
    print(f"ndcg@{tuning.k} {ndcg:.4f} with {chosen}")


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the job asks for besides the usual."""
    parser.add_argument("--tune", action="store_true", help="search for settings instead of writing lists")


def configured(name: str, settings: CfSettings, **changed: Any) -> Model:
    """The model of that name with its settings, some of them changed."""
    own = getattr(settings, name).model_dump() | changed
    model: Model = MODELS[name](**own, event_weights=settings.event_weights)
    return model


def customers(job: Job, events: DataFrame) -> DataFrame:
    """Histories of the customers to make candidates for: those active of late, if `active_days` says how late."""
    past = histories(events, job.settings.history, job.config.seen.masked_by)
    return active(past, job.as_of, job.settings.active_days)


if __name__ == "__main__":
    main("cf", run, __doc__, arguments)
