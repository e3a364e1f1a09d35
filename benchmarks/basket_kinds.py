"""How many substitutes found in baskets alone are of one kind: products in a group that the method does not know.

    python -m benchmarks.basket_kinds --lines order_products__train.parquet --products products.parquet
        --group order_id --item product_id --title product_name --kind aisle_id [--category department_id]

There are no views in such data, so substitutes are found by titles, by a coarse category if one is given, and by
shared companions. `by_score`: how many pairs are listed from a score on, and the share of these that are
of one kind; `by_company`: the same of pairs with the same companions, whatever their titles.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
import pandas as pd
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from benchmarks.harness import PeakMemory, Stopwatch, print_result, spark_session
from benchmarks.topn import warm_up
from cartograph.core.model import Silver
from cartograph.graph.building.product_graph import product_graph
from cartograph.graph.relations.rules import relations
from cartograph.graph.relations.shared_companions import similar_pairs
from cartograph.graph.settings import BuildingSettings, RelationSettings

_SCORES = (0.1, 0.2, 0.3, 0.35, 0.4, 0.5, 0.6)


def main() -> None:
    """Builds the graph, finds substitutes and compares their kinds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("lines", "products", "group", "item", "title", "kind"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--category", help="column of products that the method may use")
    parser.add_argument("--least-score", type=float, default=0.1)
    options = parser.parse_args()
    memory, watch = PeakMemory(), Stopwatch()
    with watch("setup"):
        spark = spark_session("basket_kinds", ["spark.driver_memory=6g", "spark.shuffle_partitions=8"])
        data = silver_of(spark, options)
        kinds = pd.read_parquet(options.products).astype({options.item: str}).set_index(options.item)[options.kind]
        warm_up(spark)
    with watch("graph"):
        edges = product_graph(data, BuildingSettings()).localCheckpoint()
    with watch("relations"):
        settings = RelationSettings(min_score=options.least_score)
        found = (
            relations(edges, data, settings).where("relation = 'substitute'").select("src", "dst", "score").toPandas()
        )
    similar = similar_pairs(edges).join(edges.where("lift >= 1").select("src", "dst"), ["src", "dst"], "left_anti")
    company = similar.select("src", "dst", F.col("similarity").alias("score")).where("score >= 0.1").toPandas()
    metrics = {"by_score": by_score(found, kinds), "by_company": by_score(company, kinds)}
    print_result(
        "basket_kinds", "spark", metrics, watch.seconds["graph"] + watch.seconds["relations"], watch.seconds["setup"],
        memory, graph_seconds=watch.seconds["graph"], relations_seconds=watch.seconds["relations"],
    )  # fmt: skip
    spark.stop()


def silver_of(spark: SparkSession, options: argparse.Namespace) -> Silver:
    """Silver frames of the baskets: purchases of guests, all at one time."""
    named = {"order_id": options.group, "product_id": options.item}
    columns = [F.col(column).cast("string").alias(name) for name, column in named.items()]
    lines = spark.read.parquet(options.lines).select(*columns).distinct().persist()
    constants = {"event_type": F.lit("purchase"), "session_id": F.lit(None).cast("string"),
             "user_id": F.lit(None).cast("string"), "event_at": F.timestamp_seconds(F.lit(0)),
             "event_on": F.lit("1970-01-01").cast("date")}  # fmt: skip
    baskets = lines.groupBy("order_id").agg(F.array_sort(F.collect_list("product_id")).alias("product_ids"))
    return Silver(lines.withColumns(constants), baskets.persist(), _products(spark, options).persist())


def _products(spark: SparkSession, options: argparse.Namespace) -> DataFrame:
    """One row per product: product_id, title, brand (null), category (null unless one is named)."""
    none = F.lit(None).cast("array<string>")
    category = F.array(F.col(options.category).cast("string")) if options.category else none
    return spark.read.parquet(options.products).select(
        F.col(options.item).cast("string").alias("product_id"), F.col(options.title).alias("title"),
        F.lit(None).cast("string").alias("brand"), category.alias("category"),
    )  # fmt: skip


def by_score(pairs: pd.DataFrame, kinds: pd.Series[Any]) -> dict[str, tuple[int, float]]:
    """Per score: pairs with it or more, and the share of them that are of one kind."""
    same = np.asarray(kinds.reindex(pairs["src"])) == np.asarray(kinds.reindex(pairs["dst"]))
    chosen = {f"{score:g}": (pairs["score"] >= score).to_numpy() for score in _SCORES}
    return {score: (int(at.sum()), round(float(same[at].mean()), 4)) for score, at in chosen.items() if at.any()}


if __name__ == "__main__":
    main()
