"""Analytics of the product graph by GraphFrames, for graphs that do not fit into one task.

Smaller graphs go to `by_igraph`, whose results are the same except for communities. Pitfalls of GraphFrames 0.9 that
are avoided here: every algorithm reads vertices and edges many times, so both are materialised in few partitions before
the first; string ids get new numbers on each call, so these numbers never leave this file; its label propagation breaks
ties by the order of messages, so `communities` has rules of its own; its own algorithm of connected components writes
checkpoints and takes four times as long as that of GraphX.
"""

from __future__ import annotations

from collections.abc import Sequence

from graphframes import GraphFrame
from graphframes.lib import Pregel
from pyspark.ml.functions import vector_to_array
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from cartograph.graph.analytics.engines import Say

_MAX_CHECKS = 6  # Checks whether label propagation has converged.


def silent(_: str) -> None:
    """Reports no progress."""


def graph_of(edges: DataFrame, max_chance: float = 0.05, n_partitions: int | None = None) -> GraphFrame:
    """The undirected graph of the significant edges, each in both directions: src, dst, weight.

    Args:
        edges: rows of silver.product_graph.
        max_chance: edges with a larger `chance` are left out.
        n_partitions: partitions of vertices and edges; None: one per core. Each iteration starts a task for each.
    """
    strong = edges.where(F.col("chance") <= max_chance).select("src", "dst", "weight")
    reverse = strong.select(F.col("dst").alias("src"), F.col("src").alias("dst"), "weight")
    n_parts = n_partitions or edges.sparkSession.sparkContext.defaultParallelism
    both = strong.unionByName(reverse).groupBy("src", "dst").agg(F.max("weight").alias("weight"))
    both = both.repartition(n_parts, "src").localCheckpoint()
    vertices = both.select(F.col("src").alias("id")).distinct().repartition(n_parts, "id").localCheckpoint()
    return GraphFrame(vertices, both)


def _unweighted(graph: GraphFrame) -> GraphFrame:
    """The same graph without weights, which the algorithms of GraphX do not use."""
    return GraphFrame(graph.vertices, graph.edges.select("src", "dst"))


def pagerank(graph: GraphFrame, iterations: int = 20, restart: float = 0.15) -> DataFrame:
    """One row per product: product_id, pagerank; the sum is one (Page et al. 1999)."""
    ranked = _unweighted(graph).pageRank(resetProbability=restart, maxIter=iterations)
    ranks: DataFrame = ranked.vertices.select("id", "pagerank")
    total = ranks.agg(F.sum("pagerank").alias("total"))
    return ranks.crossJoin(F.broadcast(total)).select(
        F.col("id").alias("product_id"), (F.col("pagerank") / F.col("total")).alias("pagerank")
    )


def personalised_pagerank(
    graph: GraphFrame, product_ids: Sequence[str], iterations: int = 20, restart: float = 0.15
) -> DataFrame:
    """One row per given product and product reachable from it: src, dst, score; the scores of a src sum to one.

    All walks run at the same time, each restarting at its own product (Haveliwala 2002).
    """
    sources = list(product_ids)
    reached = _unweighted(graph).parallelPersonalizedPageRank(
        resetProbability=restart, sourceIds=sources, maxIter=iterations
    )
    ranks: DataFrame = reached.vertices.select(
        "id", F.posexplode(vector_to_array(F.col("pageranks"))).alias("place", "score")
    )
    names = F.array(*[F.lit(name) for name in sources])
    return ranks.where("score > 0").select(F.get(names, F.col("place")).alias("src"), F.col("id").alias("dst"), "score")


def components(graph: GraphFrame) -> DataFrame:
    """One row per product: product_id, component_id (the first product of its connected component)."""
    numbered: DataFrame = _unweighted(graph).connectedComponents(algorithm="graphx")
    parts = numbered.select(F.col("id").alias("product_id"), "component").localCheckpoint()
    first = parts.groupBy("component").agg(F.min("product_id").alias("component_id"))
    return parts.join(first, "component").select("product_id", "component_id")


def triangles(graph: GraphFrame) -> DataFrame:
    """One row per product: product_id, n_triangles that contain it."""
    counts: DataFrame = _unweighted(graph).triangleCount()
    return counts.select(F.col("id").alias("product_id"), F.col("count").cast("long").alias("n_triangles"))


def cores(graph: GraphFrame, rounds: int = 4, say: Say = silent) -> DataFrame:
    """One row per product: product_id, core (int): the largest k such that it belongs to the k-core.

    Each product starts from its degree and takes the largest k for which k neighbours claim at least k, until nothing
    changes (Montresor, De Pellegrini and Miorandi 2013). Convergence is checked every `rounds` rounds.
    """
    degrees: DataFrame = graph.outDegrees.select("id", F.col("outDegree").alias("claim"))
    while True:
        claims = F.sort_array(Pregel.msg(), asc=False)
        k = F.size(F.filter(F.transform(claims, lambda claim, place: claim > place), lambda holds: holds))
        run = GraphFrame(degrees, graph.edges.select("src", "dst")).pregel.setMaxIter(rounds).setCheckpointInterval(0)
        run = run.withVertexColumn("core", F.col("claim"), F.least("core", k))
        run = run.sendMsgToDst(Pregel.src("core")).aggMsgs(F.collect_list(Pregel.msg()))
        after: DataFrame = run.run().localCheckpoint()
        n_moved = after.where("core < claim").count()
        say(f"cores: {n_moved:,} products changed in {rounds} rounds")
        if n_moved == 0:
            return after.select(F.col("id").alias("product_id"), "core")
        degrees = after.select("id", F.col("core").alias("claim"))


def communities(graph: GraphFrame, rounds: int = 5, say: Say = silent) -> DataFrame:
    """One row per product: product_id, label (a product of its community).

    Label propagation (Raghavan, Albert and Kumara 2007) by weight: a product takes the label of the largest weight
    among its neighbours; of equal ones its own, else the last by name. Each step updates a random half of the products,
    by a hash: if both ends of a pair were always updated at the same time, they would swap labels forever. It ends when
    no product would change its label, or after _MAX_CHECKS times `rounds` rounds of two steps.
    """
    labelled: DataFrame = graph.vertices.select("id", F.col("id").alias("start"))
    for check in range(_MAX_CHECKS):
        run = _propagated(GraphFrame(labelled, graph.edges), 2 * rounds, 2 * rounds * check)
        after = run.localCheckpoint()
        n_unsettled = after.where(~F.col("settled")).count()
        say(f"communities: {n_unsettled:,} products would change after {rounds * (check + 1)} rounds")
        labelled = after.select("id", F.col("label").alias("start"))
        if n_unsettled == 0:
            break
    return labelled.select(F.col("id").alias("product_id"), F.col("start").alias("label"))


def _propagated(graph: GraphFrame, n_steps: int, first_step: int) -> DataFrame:
    """The products after `n_steps` steps: label, and `settled`: whether it was the heaviest in the last step."""
    votes = Pregel.msg()
    totals = F.transform(
        F.array_distinct(F.transform(votes, lambda vote: vote["label"])),
        lambda label: F.struct(
            _weight_of(votes, label).alias("total"), (label == F.col("label")).alias("own"), label.alias("label")
        ),
    )
    heaviest = F.array_max(totals)
    is_updated = F.pmod(F.xxhash64("id", "step"), F.lit(2)) == 0
    label = F.when(is_updated & votes.isNotNull(), heaviest["label"]).otherwise(F.col("label"))
    run = graph.pregel.setMaxIter(n_steps).setCheckpointInterval(4)
    run = run.withVertexColumn("label", F.col("start"), label)
    run = run.withVertexColumn("settled", F.lit(True), F.coalesce(heaviest["own"], F.lit(True)))
    run = run.withVertexColumn("step", F.lit(first_step), F.col("step") + 1)
    vote = F.struct(Pregel.src("label").alias("label"), Pregel.edge("weight").alias("weight"))
    labelled: DataFrame = run.sendMsgToDst(vote).aggMsgs(F.collect_list(Pregel.msg())).run()
    return labelled


def _weight_of(votes: Column, label: Column) -> Column:
    """Sum of the weights of the votes for a label; rounded, as the order of a sum changes its last bits."""
    matching = F.filter(votes, lambda vote: vote["label"] == label)
    return F.round(F.aggregate(matching, F.lit(0.0), lambda total, vote: total + vote["weight"]), 9)


def nearest_hubs(graph: GraphFrame, hubs: Sequence[str]) -> DataFrame:
    """One row per product from which a hub can be reached: product_id, hub_id (the nearest), hub_distance (steps)."""
    paths: DataFrame = _unweighted(graph).shortestPaths(landmarks=list(hubs))
    steps = paths.select("id", F.explode("distances").alias("hub_id", "steps"))
    nearest = F.min(F.struct("steps", "hub_id")).alias("hub")
    return steps.groupBy(F.col("id").alias("product_id")).agg(nearest).select(
        "product_id", "hub.hub_id", F.col("hub.steps").cast("int").alias("hub_distance")
    )  # fmt: skip
