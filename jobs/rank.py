"""The final lists of one day: recommendations for each customer and related products, with the reason for each.

Reads gold.candidates and gold.associations of all models, the silver tables, and what explains the lists. Writes
gold.recommendations and gold.related_products, what business rules removed (gold.hidden, gold.hidden_related), the
fusion method (gold.fusion), and the lists shown as those of a model `fused`, to be evaluated like the others.
"""

from __future__ import annotations

from datetime import date

from cartograph.rank.day import Day, Sources
from cartograph.rank.explanation.als_fit import AlsFit
from cartograph.rank.final_lists import final_lists
from cartograph.rank.fusion.learning import learn_fusion, learning_day
from cartograph.rank.fusion.reciprocal_ranks import FUSED
from cartograph.rank.settings import RankSettings
from cartograph.runtime.command_line import main
from cartograph.runtime.job import Job


def run(job: Job) -> None:
    """Writes the final lists of `job.as_of`."""
    assert job.as_of is not None
    settings: RankSettings = job.settings
    learned_from = learning_day(job.earlier_days("gold.candidates"), job.as_of, settings.fusion)
    today, earlier = day_of(job, job.as_of), None if learned_from is None else day_of(job, learned_from)
    fusion = learn_fusion(earlier, today.data.events, settings)
    job.progress.say(f"fusion by {fusion.method}: {fusion.reason}")
    lists = final_lists(today, fusion, sources(job), settings)
    for table, rows in lists.tables.items():
        if rows is not None or job.tables.exists(table):  # None: nothing is hidden; an earlier run's rows are removed
            model = {"model": FUSED} if table in {"gold.candidates", "gold.associations"} else {}
            written = job.replace(table, job.nothing(table) if rows is None else rows, **model)
            job.metric(table.replace("gold.", "n_"), written.rows)
    job.tracking.log_metrics(lists.metrics)
    for name, figure in lists.figures.items():
        job.figure(name, figure)
    lists.unpersist()


def day_of(job: Job, day: date) -> Day:
    """What the lists of a day are fused by."""
    relations, communities = (job.read_any(table, day) for table in ("gold.relations", "silver.communities"))
    return Day(day, job.read("gold.candidates", day), job.silver(day), relations, communities)


def sources(job: Job) -> Sources:
    """What the fused lists are re-ranked and explained by."""
    listings, edges, attributions = map(job.read_any, ("silver.listings", "silver.product_graph", "gold.attributions"))
    cf, vectors, model = job.config.cf, None, job.settings.diversity.vectors
    if job.settings.diversity.uses_vectors:
        vectors = job.read_any("gold.factors", model=model, side="product")
        vectors = job.read_any("silver.product_vectors", model=model) if vectors is None else vectors
    als = AlsFit(job.read_any("gold.factors", model="als", side="product"), cf.als, cf.event_weights)
    return Sources(job.read("gold.associations"), listings, vectors, edges, attributions, als)


if __name__ == "__main__":
    main("rank", run, __doc__)
