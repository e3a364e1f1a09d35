"""The quality of an earlier day's lists, measured on the purchases since, and which model should serve.

With `--as-of D` it reads gold.candidates and gold.associations of all models at D - horizon, scores them by the
purchases in [D - horizon, D), and writes gold.evaluation at D - horizon, and gold.promotions if
`evaluate.promotion.challengers` names any. Without lists of that day it says so and stops.
Not done here: making lists for days that have none, and showing the lists of a promoted model.
"""

from __future__ import annotations

from datetime import date, timedelta

from cartograph.core.tables.schema import table
from cartograph.evaluate.evaluation import Evaluation, customer_evaluation, headline, product_evaluation
from cartograph.evaluate.known import known_before
from cartograph.evaluate.promotion import aliases, described, promotion_decisions, promotion_rows
from cartograph.evaluate.settings import EvaluateSettings
from cartograph.runtime.command_line import main
from cartograph.runtime.job import Job
from cartograph.runtime.registry import point_aliases


def run(job: Job) -> None:
    """Writes the evaluation of the lists made `horizon_days` before `job.as_of`."""
    settings: EvaluateSettings = job.settings
    assert job.as_of is not None
    day = job.as_of - timedelta(days=settings.horizon_days)
    candidates = job.read("gold.candidates", as_of=day)
    if candidates.isEmpty():
        job.progress.say(f"no lists were made for {day}: nothing to evaluate")
        job.replace("gold.evaluation", job.nothing("gold.evaluation"), as_of=day)
        return
    past, seen_by = job.silver(day), job.config.seen.event_types
    events, baskets = (job.read_since(f"silver.{name}", day) for name in ("events", "baskets"))
    known = known_before(past, settings)
    of_customers = customer_evaluation(candidates, past, known, events, seen_by, settings)
    of_products = product_evaluation(job.read("gold.associations", as_of=day), known, baskets, settings)
    job.replace("gold.evaluation", of_customers.values.unionByName(of_products.values), as_of=day)
    job.tracking.log_metrics(headline(job.read("gold.evaluation", as_of=day), settings))  # in one call
    if settings.promotion.challengers:
        promote(job, day, of_customers)
    known.popularity.unpersist()


def promote(job: Job, day: date, found: Evaluation) -> None:
    """Writes gold.promotions at `day`, and points the aliases of the registered model, if one is named, accordingly."""
    settings: EvaluateSettings = job.settings
    rule = settings.promotion
    decisions = promotion_decisions(found.sums, job.read("gold.evaluation", as_of=day), settings)
    rows = job.spark.createDataFrame(promotion_rows(decisions, rule, day), table("gold.promotions").columns)
    job.replace("gold.promotions", rows, as_of=day)
    job.progress.say(described(decisions, rule.champion))
    if rule.registered_model:
        point_aliases(job.tracking, job.config, rule.registered_model, aliases(decisions, rule.champion))


if __name__ == "__main__":
    main("evaluate", run, __doc__)
