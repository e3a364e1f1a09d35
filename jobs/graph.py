"""The product graph of purchases and views before a date, its analytics and relations, and models that learn from it.

Reads the silver tables. If `graph.enabled`, writes silver.product_graph, gold.relations, gold.bundles and, unless
`graph.analytics.run` is empty, silver.communities of this `as_of`; communities inherit their ids from the last earlier
day that has some. Writes the partition of each model of `graph.models` in gold.candidates and gold.associations, and
the weights of networks beside the tables.
Not done here: fusing relations and lists with other models (`rank`).
"""

from __future__ import annotations

from dataclasses import replace

from pyspark.sql import DataFrame

from cartograph.core.model import Silver
from cartograph.core.model_classes import configured_models
from cartograph.core.views.product_sets import of_shoppers
from cartograph.graph.building.product_graph import product_graph
from cartograph.graph.graph_tables import tables_of_graph
from cartograph.graph.settings import GraphSettings
from cartograph.runtime.command_line import main
from cartograph.runtime.job import Job
from cartograph.runtime.model_runs import fit_and_write_models

METRICS = {"gold.relations": "n_relations", "gold.bundles": "n_bundles", "silver.communities": "n_products_in_graph"}


def run(job: Job) -> None:
    """Builds the graph if it is enabled, and fits the models."""
    settings: GraphSettings = job.settings
    if not settings.enabled and not settings.models:
        job.progress.say("graph.enabled is false and graph.models is empty; skipping")
        return
    data = job.silver()
    if settings.enabled:
        data = replace(data, edges=write_graph(job, of_shoppers(data)))
    if settings.models:
        users = job.customers(data.events, settings.history, settings.active_days)
        fit_and_write_models(job, configured_models("graph", settings), data, users, settings.k)
        users.unpersist()


def write_graph(job: Job, data: Silver) -> DataFrame:
    """Writes the edges and the tables derived from them; returns the edges."""
    settings: GraphSettings = job.settings
    assert job.as_of is not None
    edges = product_graph(data, settings.building)
    job.metric("n_edges", job.replace("silver.product_graph", edges).rows)
    has_communities = bool(settings.analytics.run) and job.tables.exists("silver.communities")
    communities = job.read_all("silver.communities") if has_communities else None
    for table, rows in tables_of_graph(edges, data, settings, communities, job.as_of, job.progress.say):
        job.metric(METRICS[table], job.replace(table, rows).rows)
    return edges


if __name__ == "__main__":
    main("graph", run, __doc__)
