"""Quality and speed of a model's lists on a LightGCN split: all items ranked, training items masked.

    python -m benchmarks.topn --train train.txt.gz --test test.txt.gz --model als --set rank=64 --peers

`seconds` is fit and scoring together. Of als, `objective` is the value reached, and with engine=native
`startup_seconds` is the part of fit that more iterations would not lengthen (from a second fit with one iteration).
Peers of als are `mllib` (Spark's, fit and recommendForAllUsers, which cannot mask: its metrics are those of its
factors scored with the mask) and `implicit`. That of lightgcn is `torch_geometric`, for `--peer-epochs`, with the
model's number of steps per epoch, layers and embedding dimension.
"""

from __future__ import annotations

import argparse
import os
from typing import Any

import numpy as np
from pyspark.ml.recommendation import ALS
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from benchmarks.harness import (
    PeakMemory,
    Stopwatch,
    attempted,
    model_named,
    print_result,
    run_peer,
    show,
    spark_session,
)
from benchmarks.lightgcn import Ints, read_interactions, recall_and_ndcg
from benchmarks.objective import implicit_objective
from cartograph.core.model import Silver
from cartograph.core.search.topk import top_k
from cartograph.core.views.histories import histories

STEPS = ("cf", "rules", "sequence", "graph")  # whose models can be chosen
K = 20
LONGEST = 100_000  # events of a history that are masked: all of them


def main() -> None:
    """Runs one model, and its peers if asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", required=True)
    parser.add_argument("--test", required=True)
    parser.add_argument("--model", required=True, help="name of a model of cf, rules, sequence or graph")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of the model")
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--peer-epochs", type=int, default=3, help="of the peer of lightgcn")
    options = parser.parse_args()
    memory, watch = PeakMemory(), Stopwatch()
    model = model_named(options.model, STEPS, options.set)
    with watch("setup"):
        spark = spark_session("topn", ["spark.driver_memory=4g"])
        data = silver_of(spark, options.train)
        test = read_interactions(options.test)
        users = histories(data.events, LONGEST).join(users_of(spark, test), "user_id").persist()
        users.count()
        warm_up(spark)
    with watch("fit"):
        model.fit(data)
    with watch("score"):
        recommended = model.recommend(users, K).select("user_id", "product_id", "rank").toArrow()
    seconds = watch.seconds
    metrics: dict[str, Any] = recall_and_ndcg(test, _ranked(recommended), K)
    more = of_als(model, data, options, seconds["fit"]) if options.model == "als" else {}
    peers = peers_of(model, data, users, test, options) if options.peers else {}
    print_result(
        f"topn {options.model}", getattr(model.settings, "engine", "spark"), metrics,
        seconds["fit"] + seconds["score"], seconds["setup"], memory, peers,
        fit_seconds=seconds["fit"], score_seconds=seconds["score"], settings=options.set,
        seconds_per_epoch=getattr(model, "seconds_per_epoch_", None), **more,
    )  # fmt: skip
    spark.stop()


def of_als(model: Any, data: Silver, options: argparse.Namespace, fit_seconds: float) -> dict[str, Any]:
    """The objective reached, and what of the fit is start-up."""
    own = model.settings
    users, items = (frame.withColumnRenamed(name, "id") for frame, name in (
        (model.user_factors_, "user_id"), (model.item_factors_, "product_id")))  # fmt: skip
    train = read_interactions(options.train)
    found: dict[str, Any] = {"objective": round(implicit_objective(users, items, train, own.alpha, own.regularisation))}
    if own.engine == "native" and own.iterations > 1:
        watch, once = Stopwatch(), model_named("als", STEPS, [*options.set, "iterations=1"])
        with watch("fit"):
            once.fit(data)
        per_iteration = (fit_seconds - watch.seconds["fit"]) / (own.iterations - 1)
        found["startup_seconds"] = round(fit_seconds - own.iterations * per_iteration, 3)
    return found


def silver_of(spark: SparkSession, path: str) -> Silver:
    """Silver frames of a split: one purchase per interaction, a second apart; one basket per user; bare products."""
    lines = spark.read.text(path).select(F.split(F.trim("value"), " +").alias("ids"))
    rows = lines.select(
        F.element_at("ids", 1).alias("user_id"), F.posexplode(F.slice("ids", 2, LONGEST)).alias("place", "product_id")
    )
    events = rows.where("product_id <> ''").select(
        F.concat_ws("-", "user_id", "place").alias("event_id"),
        "user_id",
        "product_id",
        F.lit("purchase").alias("event_type"),
        F.concat(F.lit("o"), "user_id").alias("order_id"),
        F.timestamp_seconds(F.col("place") + 1_600_000_000).alias("event_at"),
    )
    n_cores = spark.sparkContext.defaultParallelism
    events = events.repartition(n_cores, "user_id").persist()
    baskets = events.groupBy("order_id", "user_id").agg(
        F.max("event_at").alias("ordered_at"), F.array_sort(F.collect_set("product_id")).alias("product_ids")
    )
    unknown = {"title": "string", "brand": "string", "category": "array<string>"}
    attributes = [F.lit(None).cast(kind).alias(name) for name, kind in unknown.items()]
    products = events.select("product_id").distinct().select("product_id", *attributes)
    events.count()
    return Silver(events, baskets.persist(), products, on_epoch=lambda _, epoch: show(epoch))


def users_of(spark: SparkSession, test: tuple[Ints, Ints]) -> DataFrame:
    """One row per test user: user_id."""
    import pandas as pd

    return F.broadcast(spark.createDataFrame(pd.DataFrame({"user_id": np.unique(test[0]).astype(str)})))


def warm_up(spark: SparkSession) -> None:
    """Starts the Python workers and loads the compiled kernels, as a session in use has done already."""
    rows = spark.range(64).select(F.col("id").cast("string"), F.array(F.lit(1.0).cast("float")).alias("vector"))
    rows = rows.repartition(2 * spark.sparkContext.defaultParallelism)
    top_k(rows.withColumn("mask", F.array("id")), rows.withColumnRenamed("id", "product_id"), 2).toArrow()


def _ranked(lists: Any) -> tuple[Ints, Ints, Ints]:
    """Users, items and ranks as integers."""
    users, items, ranks = (lists.column(name).to_numpy() for name in ("user_id", "product_id", "rank"))
    return users.astype(np.int64), items.astype(np.int64), ranks.astype(np.int64)


def peers_of(
    model: Any, data: Silver, users: DataFrame, test: tuple[Ints, Ints], options: argparse.Namespace
) -> dict[str, dict[str, Any] | None]:
    """What the public peers of the model make of the same data."""
    files = ["--train", options.train, "--test", options.test]
    if options.model == "lightgcn":
        shape = {
            "epochs": options.peer_epochs,
            "width": model.settings.width,
            "layers": 2 * model.settings.hops,
            "k": K,
        }
        shape |= {"steps": -(-len(np.unique(read_interactions(options.train)[0])) // model.training.batch_size)}
        sizes = [f"--{key}={value}" for key, value in {**shape, "threads": len(os.sched_getaffinity(0))}.items()]
        return {"torch_geometric": run_peer("benchmarks.peers.torch_geometric_lightgcn", [*files, *sizes])}
    if options.model != "als":
        return {}
    settings = {name: getattr(model.settings, name) for name in ("rank", "iterations", "regularisation", "alpha")}
    arguments = [f"--{key}={value}" for key, value in {**settings, "k": K}.items()]
    return {
        "mllib": attempted(lambda: mllib(model, data, users, test, read_interactions(options.train))),
        "implicit": run_peer("benchmarks.peers.implicit_als", [*files, *arguments]),
    }


def mllib(
    model: Any, data: Silver, users: DataFrame, test: tuple[Ints, Ints], train: tuple[Ints, Ints]
) -> dict[str, Any]:
    """Spark's ALS with the same settings."""
    columns = [F.col("user_id").cast("int"), F.col("product_id").cast("int"), F.lit(1.0).cast("float").alias("rating")]
    ratings = data.events.select(*columns).distinct().persist()
    ratings.count()
    own = model.settings
    solver = ALS(
        rank=own.rank, maxIter=own.iterations, regParam=own.regularisation, alpha=own.alpha, seed=own.seed,
        implicitPrefs=True, userCol="user_id", itemCol="product_id",
    )  # fmt: skip
    watch = Stopwatch()
    with watch("fit"):
        fitted = solver.fit(ratings)
    with watch("score"):
        fitted.recommendForAllUsers(K).write.format("noop").mode("overwrite").save()
    vectors = fitted.userFactors.select(F.col("id").cast("string"), F.col("features").alias("vector"))
    items = fitted.itemFactors.select(F.col("id").cast("string").alias("product_id"), F.col("features").alias("vector"))
    masks = users.select(F.col("user_id").alias("id"), F.col("product_ids").alias("mask"))
    lists = top_k(vectors.join(masks, "id"), items, K).withColumnRenamed("id", "user_id").toArrow()
    seconds = watch.seconds
    ids = [F.col("id"), F.col("features").alias("vector")]
    factors = (fitted.userFactors.select(*ids), fitted.itemFactors.select(*ids))
    return {
        "seconds": round(seconds["fit"] + seconds["score"], 3),
        "fit_seconds": seconds["fit"],
        "score_seconds": seconds["score"],
        "objective": round(implicit_objective(*factors, train, model.alpha, model.regularisation)),
        "metrics": recall_and_ndcg(test, _ranked(lists), K),
    }


if __name__ == "__main__":
    main()
