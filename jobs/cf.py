"""Collaborative filtering: what customers alike bought, from the events before a date.

Reads the silver tables; writes the partition of each model of `cf.models` in gold.candidates (per customer) and
gold.associations (per product). Deliberately not done here: judging the models (`evaluate`) and mixing them (`rank`).
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.cf.als import Als
from cartograph.cf.item_neighbours import ItemNeighbours
from cartograph.cf.popularity import Popularity
from cartograph.core.histories import histories
from cartograph.core.model import Model
from cartograph.runtime.job import Job, main
from cartograph.runtime.settings import CfSettings

MODELS: dict[str, Any] = {"popularity": Popularity, "item_neighbours": ItemNeighbours, "als": Als}


def run(job: Job) -> None:
    """Fits each model on the rows before `job.as_of` and writes its lists."""
    settings: CfSettings = job.settings
    data = job.silver()
    users = customers(job, data.events).persist()
    job.metric("n_customers", users.count())
    for name in settings.models:
        model = configured(name, settings).fit(data)
        written = job.replace("gold.candidates", model.recommend(users, settings.k), model=name)
        job.metric(f"n_candidates_{name}", written.rows)
        written = job.replace("gold.associations", model.associate(settings.k), model=name)
        job.metric(f"n_associations_{name}", written.rows)
    users.unpersist()


def configured(name: str, settings: CfSettings) -> Model:
    """The model of that name with its settings."""
    own = getattr(settings, name).model_dump()
    model: Model = MODELS[name](**own, event_weights=settings.event_weights, mask_seen=settings.mask_seen)
    return model


def customers(job: Job, events: DataFrame) -> DataFrame:
    """Histories of the customers to make candidates for: those active of late, if `active_days` says how late."""
    known = histories(events, job.settings.history)
    if job.settings.active_days is None or job.as_of is None:
        return known
    since = job.as_of - timedelta(days=job.settings.active_days)
    return known.where(F.element_at("event_ats", -1) >= F.lit(since).cast("timestamp"))


if __name__ == "__main__":
    main("cf", run, __doc__)
