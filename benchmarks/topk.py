"""Speed of `core/search/topk.py` against Spark's `recommendForAllUsers` and `implicit`, on the same factors.

    python -m benchmarks.topk --train train.txt.gz --rank 64 --k 20 --peers

Factors are MLlib's, of a few iterations. Lists must agree: a product that differs has the score of the one it replaces.
With `--approximate` the same is asked of `core/search/approximate.py`: its seconds, building the graphs and finding out
how wide to walk included, and the share of the exact lists that it found.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyspark.ml.recommendation import ALS, ALSModel
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from benchmarks.harness import PeakMemory, Stopwatch, print_result, run_peer, spark_session
from benchmarks.topn import silver_of, warm_up
from cartograph.core.search.approximate import approximate_top_k, recall
from cartograph.core.search.topk import top_k


def main() -> None:
    """Runs the three on one model's factors."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", required=True)
    parser.add_argument("--rank", type=int, default=64)
    parser.add_argument("--k", type=int, default=20)
    parser.add_argument("--approximate", action="store_true")
    parser.add_argument("--peers", action="store_true")
    options = parser.parse_args()
    memory, watch = PeakMemory(), Stopwatch()
    with watch("setup"):
        spark = spark_session("topk", ["spark.driver_memory=4g"])
        model, queries, items = factors_of(silver_of(spark, options.train).events, options.rank)
        warm_up(spark)
    with watch("top_k"):
        top_k(queries, items, options.k).write.format("noop").mode("overwrite").save()
    metrics: dict[str, Any] = {"n_queries": queries.count(), "n_items": items.count()}
    peers: dict[str, Any] = {}
    if options.approximate:
        with watch("approximate"):
            found = approximate_top_k(queries, items, options.k).localCheckpoint()
        metrics["approximate_recall"] = round(recall(found, top_k(queries, items, options.k)), 4)
        peers["core.approximate"] = {"seconds": watch.seconds["approximate"]}
    if options.peers:
        with watch("mllib"):
            model.recommendForAllUsers(options.k).write.format("noop").mode("overwrite").save()
        metrics |= agreement(top_k(queries, items, options.k), model.recommendForAllUsers(options.k))
        peers["mllib recommendForAllUsers"] = {"seconds": watch.seconds["mllib"]}
        peers["implicit recommend"] = implicit(queries, items, options.k)
    print_result("topk", "cartograph", metrics, watch.seconds["top_k"], watch.seconds["setup"], memory, peers)
    spark.stop()


def factors_of(events: DataFrame, rank: int) -> tuple[ALSModel, DataFrame, DataFrame]:
    """A fitted model and its factors as queries and items, in memory."""
    ids = [F.col(name).cast("int") for name in ("user_id", "product_id")]
    solver = ALS(rank=rank, maxIter=3, implicitPrefs=True, alpha=40.0, seed=7, userCol="user_id", itemCol="product_id",
                 ratingCol="rating")  # fmt: skip
    model = solver.fit(events.select(*ids, F.lit(1.0).alias("rating")).distinct())
    queries = model.userFactors.select("id", F.col("features").alias("vector")).persist()
    items = model.itemFactors.select(F.col("id").alias("product_id"), F.col("features").alias("vector")).persist()
    queries.count(), items.count()
    return model, queries, items


def agreement(ours: DataFrame, theirs: DataFrame) -> dict[str, float]:
    """Share of places with the same product, and the largest relative difference of scores at a place."""
    rows = theirs.select(F.col("user_id").alias("id"), F.posexplode("recommendations").alias("place", "it")).select(
        "id",
        F.col("it.product_id").alias("other"),
        F.col("it.rating").alias("expected"),
        (F.col("place") + 1).alias("rank"),
    )
    both = ours.join(rows, ["id", "rank"], "full")
    apart = F.abs(F.col("score") - F.col("expected")) / F.greatest(F.abs("expected"), F.lit(1e-6))
    same = F.coalesce(F.col("product_id") == F.col("other"), F.lit(False)).cast("double")
    row = both.agg(F.avg(same).alias("same"), F.max(F.coalesce(apart, F.lit(1.0))).alias("apart")).first()
    assert row is not None
    return {"same_place_share": round(row.same, 6), "largest_score_difference": row.apart}


def implicit(queries: DataFrame, items: DataFrame, k: int) -> dict[str, Any] | None:
    """The same factors through `implicit`."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "factors.npz"
        np.savez(path, queries=_matrix(queries.toArrow()), items=_matrix(items.toArrow()))
        return run_peer("benchmarks.peers.implicit_topk", [str(path), str(k)])


def _matrix(table: pa.Table) -> Any:
    values = table.column("vector").combine_chunks().flatten().to_numpy()
    return values.reshape(table.num_rows, -1)


if __name__ == "__main__":
    main()
