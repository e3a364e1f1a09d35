"""Factors kept up to date between fits: customers and products whose events changed, solved for without fitting again.

Reads the factors that `cf` fitted last before the date (gold.factors), the silver tables before it, and the change
feed of silver.events since the fit read it. Writes the partition (date, als) of gold.factors and of gold.candidates:
the new factors, and the lists of the customers that changed. Who is not there is served from the fit; and the fit of
that date, once `cf` has made it, takes the place of both. Every run starts from the fit, so any number of runs have the
result of one.

How far factors have moved since the fit is recorded and told; above `cf.refresh.drift_bound` a new fit is advised.
Deliberately not done here: lists of products, and mixing with other models (`rank`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.cf.als import Als
from cartograph.cf.factors import factor_rows, side_of
from cartograph.cf.refresh import changed, drift, refreshed, replaced
from cartograph.cf.settings import CfSettings
from cartograph.core.errors import UserError
from cartograph.core.views.histories import histories
from cartograph.runtime.changes import changes_since, keep_changes
from cartograph.runtime.command_line import main
from cartograph.runtime.job import Job


@dataclass(frozen=True)
class Fit:
    """The last fit: its day, and the version of silver.events that it read."""

    as_of: date
    events_version: int


def run(job: Job) -> None:
    """Solves for what changed since the last fit, writes it, and tells how far it has moved."""
    settings: CfSettings = job.config.cf
    if job.read_all("gold.factors", model=Als.name).isEmpty():
        job.progress.say("als had nothing to learn from whenever it was fitted: there are no factors to refresh")
        return
    fit, version = last_fit(job), keep_changes(job.tables, "silver.events")
    events = job.silver().events
    touched = touched_since(job, events, fit).persist()
    model = als(settings)
    weights = model.weights(events)
    fitted = job.read("gold.factors", fit.as_of, model=model.name)
    users, items = (side_of(fitted, column) for column in ("user_id", "product_id"))
    newer = {
        column: refreshed(weights.join(changed(touched, column), column, "left_semi"), column, fixed, model.objective)
        for column, fixed in (("user_id", items), ("product_id", users))
    }
    rows = factor_rows(newer["user_id"], newer["product_id"], fit.as_of, version)
    written = job.replace("gold.factors", rows, model=model.name)
    job.metric("n_factors", written.rows)
    now = {column: side_of(job.read("gold.factors", model=model.name), column) for column in newer}
    model.user_factors_ = now["user_id"]
    model.item_factors_ = replaced(items, "product_id", now["product_id"])
    past = histories(events, settings.history, job.config.seen.masked_by)
    asked = past.join(now["user_id"].select("user_id"), "user_id", "left_semi")
    written = job.replace("gold.candidates", model.recommend(asked, settings.k), model=model.name)
    job.metric("n_candidates", written.rows)
    tell_drift(job, {"user_id": users, "product_id": items}, now, fit)
    touched.unpersist()


def last_fit(job: Job) -> Fit:
    """The newest fit before the date of the job.

    Raises:
        UserError: there is none, or als was fitted for this very date, which a refresh would overwrite.
    """
    factors = job.read_all("gold.factors", model=Als.name)
    fits = factors.where("as_of = fitted_as_of").select("as_of", "events_version").distinct()
    last = fits.where(F.col("as_of") <= F.lit(job.as_of)).orderBy(F.desc("as_of")).head()
    if last is None:
        raise UserError(f"no factors of als were fitted before {job.as_of}: run cf with als among cf.models first")
    if last.as_of == job.as_of:
        raise UserError(
            f"als was fitted for {job.as_of} itself: give refresh a later --as-of, up to which events count"
        )
    return Fit(last.as_of, last.events_version)


def touched_since(job: Job, events: DataFrame, fit: Fit) -> DataFrame:
    """user_id and product_id of events that the fit did not know: changed since, or of its day and later."""
    columns = ["user_id", "product_id"]
    changes = changes_since(job.tables, "silver.events", fit.events_version).select(*columns)
    later = events.where(F.col("event_at") >= F.lit(fit.as_of).cast("timestamp")).select(*columns)
    return changes.unionByName(later).distinct()


def als(settings: CfSettings) -> Als:
    """The model as `cf` fits it."""
    own = settings.als.model_dump()
    return Als(**own, event_weights=settings.event_weights)


def tell_drift(job: Job, fitted: dict[str, DataFrame], newer: dict[str, DataFrame], fit: Fit) -> None:
    """Records how far each side has moved, and advises a fit where that is too far."""
    bound = job.config.cf.refresh.drift_bound
    moved = {column: drift(fitted[column], newer[column], column) for column in fitted}
    for column, found in moved.items():
        side = column.removesuffix("_id")
        for name, value in vars(found).items():
            job.metric(f"{side}_{name}", value)
        job.progress.say(
            f"{side}s since the fit of {fit.as_of}: {found.new_share:.2%} new, {found.changed_share:.2%} changed, "
            f"factors moved by {found.movement:.2%}"
        )
    advised = any(found.advises_fit(bound) for found in moved.values())
    job.metric("fit_advised", float(advised))
    if advised:
        job.progress.say(f"that is more than cf.refresh.drift_bound, {bound:g}: time to fit again (jobs/cf.py)")


if __name__ == "__main__":
    main("refresh", run, __doc__)
