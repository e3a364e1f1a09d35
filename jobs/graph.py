"""The product graph of the purchases and views before a date, what products are in it, and networks on it.

Reads the silver tables; if `graph.enabled`, writes silver.product_graph, gold.relations, gold.bundles and, if
`graph.analytics.run` names any, silver.communities of this `as_of`. Communities take over the names of the last earlier
day that has some. Writes the partition of each model of `graph.models` in gold.candidates and gold.associations, and a
network's weights beside the tables.
Deliberately not done here: mixing relations and lists with other models (`rank`).
"""

from __future__ import annotations

from functools import partial
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.core.errors import UserError
from cartograph.core.model import Model, Silver
from cartograph.core.views.histories import active, histories
from cartograph.core.views.product_sets import of_shoppers
from cartograph.graph.analyses import Analyses
from cartograph.graph.analytics import graph_of
from cartograph.graph.building import product_graph
from cartograph.graph.bundles import bundles
from cartograph.graph.communities import places
from cartograph.graph.gat import Gat
from cartograph.graph.gcn import Gcn
from cartograph.graph.gfcf import GfCf
from cartograph.graph.lightgcn import LightGcn
from cartograph.graph.product_model import ProductModel
from cartograph.graph.relations import RelationRules, relations
from cartograph.graph.settings import GraphSettings
from cartograph.runtime.command_line import main
from cartograph.runtime.job import Job

MODELS: dict[str, Any] = {"gfcf": GfCf, "lightgcn": LightGcn, "gcn": Gcn, "gat": Gat}


def run(job: Job) -> None:
    """Makes the graph, if it is wanted, and fits the models that are."""
    settings: GraphSettings = job.settings
    if not settings.enabled and not settings.models:
        job.progress.say("graph.enabled is false and graph.models names none: nothing is made")
        return
    edges = write_graph(job) if settings.enabled else None
    if settings.models:
        write_lists(job, edges)


def write_graph(job: Job) -> DataFrame:
    """Builds the graph, types its edges and, if asked, looks at its shape; returns the edges."""
    settings: GraphSettings = job.settings
    if "hubs" in settings.analytics.run and "pagerank" not in settings.analytics.run:
        raise UserError("graph.analytics.run: hubs are the products of the highest pagerank, so it needs pagerank too")
    data = of_shoppers(job.silver())
    edges = product_graph(data, **settings.building.model_dump())
    job.metric("n_edges", job.replace("silver.product_graph", edges).rows)
    rules = RelationRules(**settings.relations.model_dump())
    found = relations(edges, data, rules, settings.building.max_products)
    job.metric("n_relations", job.replace("gold.relations", found).rows)
    if settings.analytics.run or settings.bundles.enabled:
        write_places(job, edges, data)
    return edges


def write_lists(job: Job, edges: DataFrame | None) -> None:
    """Fits each model on the rows before `job.as_of` and writes its lists."""
    settings: GraphSettings = job.settings
    data = job.silver()
    past = histories(data.events, settings.history, job.config.seen.masked_by)
    users = active(past, job.as_of, settings.active_days).persist()
    for name in settings.models:
        model = configured(name, settings)
        given: tuple[Any, ...] = (data,)
        if isinstance(model, ProductModel):
            model.record = partial(job.epoch, name)
            # A graph of all days knows what is kept apart to validate on.
            given = (data, edges if settings.training.validation_days is None else None)
        if not job.fitted(model, *given):
            continue
        if isinstance(model, ProductModel) and model.weights_ is not None:
            model.weights_.save(job.spark, f"{job.tables.root}/_weights/{name}/{job.as_of}")
        job.write_lists(name, model.recommend(users, settings.k), model.associate(settings.k))
    users.unpersist()


def configured(name: str, settings: GraphSettings) -> Model:
    """The model of that name with its settings."""
    own = getattr(settings, name).model_dump()
    shared = {} if name == "gfcf" else settings.training.model_dump()
    model: Model = MODELS[name](**shared, **own, event_weights=settings.event_weights)
    return model


def write_places(job: Job, edges: DataFrame, data: Silver) -> None:
    """Writes the bundles of the graph of the significant edges, and the place of each product in it."""
    settings, bundling = job.settings.analytics, job.settings.bundles
    assert job.as_of is not None
    graph = graph_of(edges, settings.max_chance)
    if bundling.enabled:
        made = bundles(graph, data.baskets, **bundling.model_dump(exclude={"enabled"}))
        job.metric("n_bundles", job.replace("gold.bundles", made).rows)
    if settings.run:
        asked = Analyses(**settings.model_dump(exclude={"max_chance"}))
        found = places(graph, asked, earlier_communities(job), job.as_of, job.progress.say)
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
