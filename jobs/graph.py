"""The product graph of the purchases and views before a date, and what products are to each other in it.

Reads the silver tables; writes silver.product_graph, gold.relations and, if `graph.analytics.run` names any,
silver.communities of this `as_of`. Communities take over the names of the last earlier day that has some. Deliberately
not done here: mixing relations with other models (`rank`).
"""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.core.errors import UserError
from cartograph.core.product_sets import of_shoppers
from cartograph.graph.analytics import graph_of
from cartograph.graph.building import product_graph
from cartograph.graph.communities import places
from cartograph.graph.relations import RelationRules, relations
from cartograph.runtime.graph_settings import GraphSettings
from cartograph.runtime.job import Job, main


def run(job: Job) -> None:
    """Builds the graph, types its edges and, if asked, looks at its shape."""
    settings: GraphSettings = job.settings
    if not settings.enabled:
        job.progress.say("graph.enabled is false: no product graph is made")
        return
    if "hubs" in settings.analytics.run and "pagerank" not in settings.analytics.run:
        raise UserError("graph.analytics.run: hubs are the products of the highest pagerank, so it needs pagerank too")
    data = of_shoppers(job.silver())
    edges = product_graph(data, **settings.building.model_dump())
    job.metric("n_edges", job.replace("silver.product_graph", edges).rows)
    found = relations(edges, data, RelationRules(**settings.relations.model_dump()))
    job.metric("n_relations", job.replace("gold.relations", found).rows)
    if settings.analytics.run:
        write_communities(job, edges)


def write_communities(job: Job, edges: DataFrame) -> None:
    """Writes the place of each product in the graph of the significant edges."""
    settings = job.settings.analytics
    assert job.as_of is not None
    graph = graph_of(edges, settings.max_chance)
    found = places(
        graph, settings.run, earlier_communities(job), job.as_of,
        iterations=settings.iterations, rounds=settings.rounds, n_hubs=settings.n_hubs,
    )  # fmt: skip
    job.metric("n_products_in_graph", job.replace("silver.communities", found).rows)


def earlier_communities(job: Job) -> DataFrame | None:
    """product_id and community_id of the last day before this one; None when there is none."""
    if not job.tables.exists("silver.communities"):
        return None
    known = job.read_all("silver.communities").where(
        (F.col("as_of") < F.lit(job.as_of)) & F.col("community_id").isNotNull()
    )
    row = known.agg(F.max("as_of").alias("day")).first()
    if row is None or row["day"] is None:
        return None
    return known.where(F.col("as_of") == F.lit(row["day"])).select("product_id", "community_id")


if __name__ == "__main__":
    main("graph", run, __doc__)
