"""Factors kept up to date between fits: customers and products whose events changed, solved for without a new fit.

Reads the factors that `cf` fitted last before the date (gold.factors), the silver tables before it, and the change
feed of silver.events since the fit read it. Writes the partition (date, als) of gold.factors and of gold.candidates:
the new factors, and the lists of the customers that changed. Everybody else is served from the fit; the fit of that
date, once `cf` has made it, replaces both. Every run starts from the fit, so several runs give the same result as
one.

How far factors have moved since the fit is recorded and reported; above `cf.refresh.drift_bound` a new fit is advised.
Not done here: lists of products, and fusing them with other models (`rank`).
"""

from __future__ import annotations

from cartograph.cf.als import Als
from cartograph.cf.drift import drift_report
from cartograph.cf.refresh import fits_in, last_fit, refreshed_factors, refreshed_lists, sides_of, touched_pairs
from cartograph.cf.settings import CfSettings
from cartograph.runtime.changes import changes_since, keep_changes
from cartograph.runtime.command_line import main
from cartograph.runtime.job import Job


def run(job: Job) -> None:
    """Solves for what changed since the last fit, writes it, and reports how far it has moved."""
    settings: CfSettings = job.config.cf
    fits = fits_in(job.read_all("gold.factors", model=Als.name))
    if not fits:
        job.progress.say("als never had enough data to be fitted: there are no factors to refresh")
        return
    fit, version = last_fit(fits, job.as_of), keep_changes(job.tables, "silver.events")
    events = job.silver().events
    new = touched_pairs(changes_since(job.tables, "silver.events", fit.events_version), events, fit).persist()
    fitted = sides_of(job.read("gold.factors", fit.as_of, model=Als.name))
    rows = refreshed_factors(settings, events, new, fitted, fit, version)
    written = job.replace("gold.factors", rows, model=Als.name)
    job.metric("n_factors", written.rows)
    refreshed = sides_of(job.read("gold.factors", model=Als.name))
    rows = refreshed_lists(settings, events, fitted, refreshed, job.config.seen.masked_by)
    written = job.replace("gold.candidates", rows, model=Als.name)
    job.metric("n_candidates", written.rows)
    report = drift_report(fitted, refreshed, fit.as_of, settings.refresh.drift_bound)
    for name, value in report.metrics.items():
        job.metric(name, value)
    for message in report.messages:
        job.progress.say(message)
    new.unpersist()


if __name__ == "__main__":
    main("refresh", run, __doc__)
