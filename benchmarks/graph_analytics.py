"""What the analytics of `silver.communities` take as the product graph grows, by either engine.

    python -m benchmarks.graph_analytics --shops 1 10 100 [--engine igraph]
    python -m benchmarks.graph_analytics --shops 100 --copies 7 --run pagerank components communities

The graph is that of the significant edges of several generated shops side by side, each with products of its own;
`--copies` repeats it under other names, which is faster than counting that many orders. One shop is run
once before, to warm up. `n_edges` counts each edge once.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

from graphframes import GraphFrame
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from benchmarks.harness import PeakMemory, Stopwatch, print_result, spark_session
from benchmarks.itemset_growth import shop_baskets
from cartograph.core.model import Silver
from cartograph.graph.analytics import by_graphframes
from cartograph.graph.analytics.by_igraph import analysed
from cartograph.graph.building.product_graph import product_graph
from cartograph.graph.settings import AnalyticsSettings, BuildingSettings

N_BASKETS = 20_000  # of a shop
HUBS = 10


def main() -> None:
    """Runs the selected analytics on graphs of growing size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shops", type=int, nargs="+", default=[1, 10])
    parser.add_argument("--copies", type=int, default=1, help="of each graph")
    parser.add_argument("--engine", choices=["graphframes", "igraph"], default="graphframes")
    parser.add_argument("--run", nargs="+", choices=sorted(ANALYTICS), default=sorted(ANALYTICS))
    options = parser.parse_args()
    memory, watch = PeakMemory(), Stopwatch()
    with watch("setup"):
        spark = spark_session("graph_analytics", ["spark.driver_memory=6g"])
        warm = graph_of_shops(spark, 1, 1)
        for name in options.run:
            taken(warm, name, options.engine)
    rows: dict[str, dict[str, Any]] = {}
    for n_shops in options.shops:
        with watch("build"):
            graph = graph_of_shops(spark, n_shops, options.copies)
        n_edges = graph.edges.count() // 2
        rows[str(n_edges)] = {"n_products": graph.vertices.count()} | {
            name: taken(graph, name, options.engine) for name in options.run
        }
    seconds = sum(row[name] for row in rows.values() for name in options.run)
    spark.stop()
    print_result(
        "graph_analytics", options.engine, rows, seconds, watch.seconds["setup"], memory,
        build_seconds=watch.seconds["build"],
    )  # fmt: skip


def graph_of_shops(spark: SparkSession, n_shops: int, n_copies: int) -> GraphFrame:
    """The graph of the significant edges of the orders of `n_shops` shops, copied."""
    orders = shop_baskets(spark, N_BASKETS, n_shops).withColumn(
        "order_id", F.monotonically_increasing_id().cast("string")
    )
    baskets = orders.withColumn("ordered_at", F.to_timestamp(F.lit("2026-01-01"))).localCheckpoint()
    lines = baskets.select(
        "order_id", "user_id", F.explode("product_ids").alias("product_id"), F.col("ordered_at").alias("event_at")
    )
    events = lines.withColumns({"event_type": F.lit("purchase"), "session_id": F.lit(None).cast("string")})
    edges = product_graph(Silver(events, baskets, events.select("product_id").distinct()), BuildingSettings())
    copies = edges.localCheckpoint().join(spark.range(n_copies).withColumnRenamed("id", "copy"))
    named = {side: F.concat_ws("-", side, "copy") for side in ("src", "dst")}
    return by_graphframes.graph_of(copies.withColumns(named))


def taken(graph: GraphFrame, name: str, engine: str) -> float:
    """Seconds until every row of one of the analytics is there; with igraph, the graph is sent to its task again."""
    start = time.perf_counter()
    run: Any = ("pagerank", "hubs") if name == "hubs" else (name,)
    made = analysed(graph.edges, AnalyticsSettings(run=run), print) if engine == "igraph" else ANALYTICS[name](graph)
    made.write.format("noop").mode("overwrite").save()
    return round(time.perf_counter() - start, 2)


def _hubs(graph: GraphFrame) -> DataFrame:
    """Distances to the first products by degree."""
    first = graph.degrees.orderBy(F.desc("degree"), "id").limit(HUBS).collect()
    return by_graphframes.nearest_hubs(graph, [row["id"] for row in first])


ANALYTICS: dict[str, Callable[[GraphFrame], DataFrame]] = {
    "pagerank": lambda graph: by_graphframes.pagerank(graph, 10),
    "components": by_graphframes.components,
    "communities": by_graphframes.communities,
    "triangles": by_graphframes.triangles,
    "cores": by_graphframes.cores,
    "hubs": _hubs,
}


if __name__ == "__main__":
    main()
