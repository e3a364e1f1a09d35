"""Quality of typed relations on interactions with known complements and substitutes.

    python -m benchmarks.relations --interactions interactions.csv --truth truth.csv [--products products.csv]
        [--without view cart category]

Interactions are a CSV with header user_id, item_id, time (unix seconds), `.gz` too; a column event_type (view, cart,
purchase) is used where there is one, otherwise everything is a purchase. What a customer does within a day is one order
and one session. Truth is a CSV item_id, complements, substitutes (lists `[1, 2]`); products, if given, one of item_id,
title, brand, category (levels apart by ` > `). `benchmarks.shop_relations` writes such files of the demo shop.
`--without` takes types of events and columns of products away: what is found where a shop does not have them.

Per relation, for items that have one in the truth: `auc`, that a true pair scores above a pair of the item with one
sampled at random that is neither; `precision@10` of the first ten by score, `listed_precision@5` of at most five that
the rules keep, `listed_by_score`: how many are listed from a score on, and the share of these that is true, and
`recall@10`. With `--learn` a classifier over the same counts is trained on half of the items; the
metrics are then those of the other half, by the rules and by the classifier (`…_learned`).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any
from zlib import crc32

import numpy as np
import pandas as pd
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from benchmarks.harness import PeakMemory, Stopwatch, print_result, spark_session
from benchmarks.interactions import baskets_of, events_of
from benchmarks.topn import warm_up
from cartograph.core.model import Silver
from cartograph.graph.building.product_graph import product_graph
from cartograph.graph.relations.classifier import probabilities, trained_classifier
from cartograph.graph.relations.rules import relations
from cartograph.graph.relations.scored_pairs import scored_pairs
from cartograph.graph.relations.variants import families
from cartograph.graph.settings import BuildingSettings, RelationSettings

RELATIONS = {"complement": "complements", "substitute": "substitutes"}


def main() -> None:
    """Builds the graph, scores its pairs and compares with the truth."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--interactions", required=True)
    parser.add_argument("--truth", required=True)
    parser.add_argument("--products")
    parser.add_argument("--without", nargs="+", default=[], help="types of events, columns of products")
    parser.add_argument(
        "--max-chance",
        type=float,
        default=200.0,
        help="pairs with a higher expected number of equally unlikely ones score 0",
    )
    parser.add_argument("--learn", action="store_true", help="also evaluate a classifier trained on half of the items")
    options = parser.parse_args()
    memory, watch = PeakMemory(), Stopwatch()
    with watch("setup"):
        spark = spark_session("relations", ["spark.driver_memory=4g", "spark.shuffle_partitions=8"])
        data = silver_of(spark, options.interactions, options.products, options.without)
        warm_up(spark)
    with watch("graph"):
        edges = product_graph(data, BuildingSettings(max_chance=options.max_chance)).persist()
        edges.count()
    with watch("relations"):
        family = families(data.products).persist()
        scores = scored_pairs(edges, data, family).persist()
        kept = relations(edges, data, RelationSettings()).select("src", "dst", "relation", "score").persist()
        n_scored, n_kept = scores.count(), kept.count()
    truth, scored_by = truth_of(options.truth), {"": scores}
    if options.learn:
        train_links, truth = halves(truth)
        links = [(*pair, relation) for relation, pairs in train_links.items() for pair in sorted(pairs)]
        with watch("learn"):
            model = trained_classifier(scores, spark.createDataFrame(links, "src string, dst string, relation string"))
        scored_by["_learned"] = probabilities(model, scores)
    items = np.array([row.product_id for row in data.products.select("product_id").orderBy("product_id").collect()])
    metrics: dict[str, Any] = {}
    for relation, known in truth.items():
        listed = kept.where(F.col("relation") == relation).select("src", "dst", "score").toPandas()
        for name, scored_pairs_of in scored_by.items():
            candidates = scored_pairs_of.join(F.broadcast(_sources(spark, known)), "src", "left_semi")
            scored = candidates.select("src", "dst", F.col(f"{relation}_score").alias("score")).toPandas()
            metrics[relation + name] = evaluated(scored, listed, known, set().union(*truth.values()), items)
    print_result(
        "relations", "spark", metrics, watch.seconds["graph"] + watch.seconds["relations"], watch.seconds["setup"],
        memory, n_scored=n_scored, n_relations=n_kept, graph_seconds=watch.seconds["graph"],
        relations_seconds=watch.seconds["relations"], learn_seconds=watch.seconds.get("learn"),
    )  # fmt: skip
    spark.stop()


def silver_of(spark: SparkSession, interactions: str, products: str | None, without: Sequence[str] = ()) -> Silver:
    """Silver frames of the interactions, without those types of events and columns of products."""
    events = events_of(spark, interactions).where(~F.col("event_type").isin(*without))
    events = events.repartition(spark.sparkContext.defaultParallelism, "user_id").persist()
    events.count()
    known = _products(spark, events, products)
    blank = {field.name: F.lit(None).cast(field.dataType) for field in known.schema if field.name in without}
    return Silver(events, baskets_of(events).persist(), known.withColumns(blank).persist())


def _products(spark: SparkSession, events: DataFrame, path: str | None) -> DataFrame:
    """One row per product: product_id, title, brand, category; null where nothing is known."""
    sold = events.select("product_id").distinct()
    if path is None:
        unknown = F.lit(None).cast("string")
        return sold.select("product_id", *[unknown.alias(name) for name in ("title", "brand")],
                           F.lit(None).cast("array<string>").alias("category"))  # fmt: skip
    attributes = spark.read.csv(path, header=True).withColumnRenamed("item_id", "product_id")
    named = attributes.select("product_id", "title", "brand", F.split("category", " > ").alias("category"))
    return sold.join(named, "product_id", "left")


def truth_of(path: str) -> dict[str, set[tuple[str, str]]]:
    """Relation -> pairs (item, related item)."""
    rows = pd.read_csv(path, dtype=str, keep_default_na=False)
    return {
        relation: {
            (item, other)
            for item, listed in zip(rows["item_id"], rows[column], strict=True)
            for other in _ids(listed)
            if other != item
        }
        for relation, column in RELATIONS.items()
    }


def halves(truth: dict[str, set[tuple[str, str]]]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The links of one half of the items, and those of the other."""
    parts: list[dict[str, Any]] = []
    for half in (0, 1):
        parts.append({name: {p for p in pairs if crc32(p[0].encode()) % 2 == half} for name, pairs in truth.items()})
    return parts[0], parts[1]


def _sources(spark: SparkSession, pairs: set[tuple[str, str]]) -> DataFrame:
    """One row per item that has a link: src."""
    return spark.createDataFrame([(src,) for src in sorted({src for src, _ in pairs})], "src string")


def _ids(listed: str) -> list[str]:
    """The ids of `[1, 2]` or `['a', "b"]`."""
    parts = listed.strip().strip("[]").split(",")
    return [part.strip().strip("'\"") for part in parts if part.strip().strip("'\"")]


def evaluated(
    scored: pd.DataFrame, listed: pd.DataFrame, known: set[tuple[str, str]], related: set[tuple[str, str]], items: Any
) -> dict[str, float]:
    """The metrics of one relation."""
    score = dict(zip(zip(scored["src"], scored["dst"], strict=True), scored["score"], strict=True))
    random = np.random.default_rng(7)
    true = sorted(known)
    sampled = [(src, str(items[random.integers(len(items))])) for src, _ in true for _ in range(10)]
    false = [pair for pair in sampled if pair not in related and pair[0] != pair[1]]
    positive, negative = (np.array([score.get(pair, 0.0) for pair in pairs]) for pairs in (true, false))
    first, kept = _first(scored[scored["score"] > 0], 10), _first(listed, 5)
    n_items = len({src for src, _ in known})
    return {
        "auc": round(_auc(positive, negative), 4),
        "precision@10": round(len(first & known) / (10 * n_items), 4) if n_items else 0.0,
        "recall@10": round(len(first & known) / max(len(known), 1), 4),
        "listed_precision@5": round(len(kept & known) / max(len(kept), 1), 4),
        "n_listed@5": len(kept),
        "listed_by_score": _by_score(listed, known),
        "n_true": len(known),
    }


def _first(rows: pd.DataFrame, k: int) -> set[tuple[str, str]]:
    """The pairs of the `k` highest scores per src."""
    best = rows.sort_values(["src", "score", "dst"], ascending=[True, False, True]).groupby("src").head(k)
    return set(zip(best["src"], best["dst"], strict=True))


def _by_score(listed: pd.DataFrame, known: set[tuple[str, str]]) -> dict[str, tuple[int, float]]:
    """Per tenth of a score: how many pairs are listed with it or more, and the share of true ones among them."""
    is_true = np.array([pair in known for pair in zip(listed["src"], listed["dst"], strict=True)], bool)
    from_on = {f"{step / 10:.1f}": (listed["score"] >= step / 10).to_numpy() for step in range(10)}
    return {
        score: (int(rows.sum()), round(float(is_true[rows].mean()), 4)) for score, rows in from_on.items() if rows.any()
    }


def _auc(positive: Any, negative: Any) -> float:
    """The probability that a true pair scores above a false one; a tie counts half."""
    if not len(positive) or not len(negative):
        return 0.0
    ordered = np.sort(negative)
    below, up_to = (np.searchsorted(ordered, positive, side=side) for side in ("left", "right"))
    return float(np.mean((below + up_to) / 2) / len(negative))


if __name__ == "__main__":
    main()
