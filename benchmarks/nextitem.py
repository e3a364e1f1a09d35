"""Quality and speed of a model's next products on an S3-Rec file: `user item item …` a line, in time order.

    python -m benchmarks.nextitem --sequences Beauty.txt.gz --model cooccurrence --set measure=decayed

The last item of a user is the test, the second last the validation; the model learns from the items before. Lists
are made from the whole history before the item in question, all items ranked, the history masked (Kang and McAuley
2018; Zhou et al. 2020). `--part validation` scores the validation items instead, to choose settings by.

`--peers` trains SASRec of the package RecTools on the same cores for `--peer-epochs`, with the transformer's width,
length, batch and softmax over all items: seconds_per_epoch are what to compare.
"""

from __future__ import annotations

import argparse
import os
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from benchmarks.harness import PeakMemory, Stopwatch, model_named, print_result, run_peer, show, spark_session
from benchmarks.next_items import LENGTHS, hit_rate_and_ndcg
from benchmarks.topn import warm_up
from cartograph.core.model import Silver
from cartograph.core.views.histories import histories

STEPS = ("cf", "sequence")  # whose models can be chosen
LONGEST = 100_000  # events of a history that are masked: all of them


def main() -> None:
    """Runs one model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sequences", required=True)
    parser.add_argument("--model", required=True, help="of cf or sequence")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of the model")
    parser.add_argument("--part", choices=("test", "validation"), default="test")
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--peer-epochs", type=int, default=2)
    options = parser.parse_args()
    memory, watch = PeakMemory(), Stopwatch()
    model = model_named(options.model, STEPS, options.set)
    with watch("setup"):
        spark = spark_session("nextitem", ["spark.driver_memory=3g"])
        events = events_of(spark, options.sequences)
        n_hidden = 1 if options.part == "test" else 2
        users = histories(events.where(F.col("from_end") > n_hidden), LONGEST).persist()
        targets = events.where(F.col("from_end") == n_hidden).select("user_id", "product_id").persist()
        n_users, _ = targets.count(), users.count()
        warm_up(spark)
    with watch("fit"):
        model.fit(silver_of(events.where("from_end > 2").drop("from_end")))
    with watch("score"):
        lists = model.recommend(users, max(LENGTHS)).select("user_id", "product_id", "rank").persist()
        lists.count()
    ranks = lists.join(targets, ["user_id", "product_id"]).select("rank").toArrow().column("rank").to_numpy()
    seconds = watch.seconds
    spark.stop()
    print_result(
        f"nextitem {options.model}", getattr(model, "engine", "spark"), hit_rate_and_ndcg(ranks, n_users),
        seconds["fit"] + seconds["score"], seconds["setup"], memory, peers_of(options) if options.peers else {},
        fit_seconds=seconds["fit"], score_seconds=seconds["score"],
        seconds_per_epoch=getattr(model, "seconds_per_epoch_", None), part=options.part, settings=options.set,
    )  # fmt: skip


def peers_of(options: argparse.Namespace) -> dict[str, dict[str, Any] | None]:
    """What the public implementation takes and reaches."""
    epochs, threads = str(options.peer_epochs), str(len(os.sched_getaffinity(0)))
    arguments = ["--sequences", options.sequences, "--epochs", epochs, "--threads", threads]
    return {"rectools": run_peer("benchmarks.peers.rectools_sasrec", arguments)}


def events_of(spark: SparkSession, path: str) -> DataFrame:
    """One purchase per item of a sequence, a day apart, with `from_end`: 1 for a user's last, 2 for the one before …"""
    lines = spark.read.text(path).select(F.split(F.trim("value"), " +").alias("ids"))
    rows = lines.select(
        F.element_at("ids", 1).alias("user_id"),
        F.size("ids").alias("n_ids"),
        F.posexplode(F.slice("ids", 2, LONGEST)).alias("place", "product_id"),
    )
    events = rows.where("product_id <> ''").select(
        F.concat_ws("-", "user_id", "place").alias("event_id"),
        "user_id",
        "product_id",
        F.lit("purchase").alias("event_type"),
        F.concat_ws("-", F.lit("o"), "user_id", "place").alias("order_id"),
        F.lit(None).cast("string").alias("session_id"),
        F.timestamp_seconds(F.col("place") * 86_400 + 1_600_000_000).alias("event_at"),
        (F.col("n_ids") - 1 - F.col("place")).alias("from_end"),
    )
    events = events.repartition(spark.sparkContext.defaultParallelism, "user_id").persist()
    events.count()
    return events


def silver_of(events: DataFrame) -> Silver:
    """Silver frames of the events; every item is an order of its own."""
    baskets = events.select("order_id", "user_id", F.col("event_at").alias("ordered_at"), F.array("product_id"))
    return Silver(
        events,
        baskets.toDF("order_id", "user_id", "ordered_at", "product_ids"),
        events.select("product_id").distinct(),
        on_epoch=lambda _, epoch: show(epoch),
    )


if __name__ == "__main__":
    main()
