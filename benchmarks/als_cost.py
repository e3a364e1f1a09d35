"""What the native engine of ALS costs as data grows: seconds of an iteration against the number of interactions.

    python -m benchmarks.als_cost --sizes 1e5,1e6,1e7 --rank 64

Interactions are generated: 27 a customer and 20 a product on average, both with a long tail. Per size a fit of one and
one of many iterations, after one that warms up, separate the iterations from the start-up. `slope` is that of the
logarithms (1: cost grows as the data does), `flops_per_second` what a core does of the operations counted by

    conjugate gradient   per iteration   8 (s + 1) nnz k + 2 (s + 1) (m + n) k²      s = 3 steps
    cholesky             per iteration   4 nnz k² + (m + n) k³ / 3

for nnz interactions of m customers and n products; both sides are solved for in an iteration.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from benchmarks.harness import PeakMemory, Stopwatch, print_result, spark_session
from benchmarks.topn import warm_up
from cartograph.cf.factorisation.native_als import native_factors
from cartograph.cf.settings import AlsSettings

_STEPS = 3
_LEAST, _MOST = 10, 200  # further iterations of the longer fit: of few interactions many, as each is soon done


def main() -> None:
    """Runs every size and prints one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="1e5,1e6,1e7", help="interactions, separated by commas")
    parser.add_argument("--rank", type=int, default=64)
    parser.add_argument("--solver", default="cg", choices=["cg", "cholesky"])
    parser.add_argument("--driver-memory", default="3g")
    options = parser.parse_args()
    memory, watch = PeakMemory(), Stopwatch()
    with watch("setup"):
        spark = spark_session("als cost", [f"spark.driver_memory={options.driver_memory}"])
        warm_up(spark)
    sizes = [measured(spark, int(float(size)), options) for size in options.sizes.split(",")]
    logs = np.log([[size["nnz"], size["iteration_seconds"]] for size in sizes])
    slope = float(np.polyfit(logs[:, 0], logs[:, 1], 1)[0]) if len(sizes) > 1 else float("nan")
    metrics = {"sizes": sizes, "slope": round(slope, 3)}
    seconds = sum(size["fit_seconds"] for size in sizes)
    print_result("als_cost", "native", metrics, seconds, watch.seconds["setup"], memory)
    spark.stop()


def measured(spark: SparkSession, n: int, options: argparse.Namespace) -> dict[str, Any]:
    """Start-up and seconds of an iteration for about `n` interactions."""
    ratings = interactions(spark, n).persist()
    row = ratings.agg(F.count("*").alias("nnz"), F.max("user_id").alias("m"), F.max("product_id").alias("n")).head()
    assert row is not None
    watch, more = Stopwatch(), min(max(int(2e7 / n), _LEAST), _MOST)
    for name, iterations in (("warm", 1), ("once", 1), ("often", 1 + more)):
        with watch(name):
            settings = AlsSettings(engine="native", rank=options.rank, iterations=iterations, solver=options.solver)
            for side in native_factors(ratings, settings):
                side.write.format("noop").mode("overwrite").save()
    ratings.unpersist()
    iteration = (watch.seconds["often"] - watch.seconds["once"]) / more
    n_cores = spark.sparkContext.defaultParallelism
    flops = operations(row.nnz, row.m + row.n + 2, options.rank, options.solver)
    return {
        "nnz": row.nnz, "customers": row.m + 1, "products": row.n + 1,
        "iteration_seconds": round(iteration, 3),
        "startup_seconds": round(watch.seconds["once"] - iteration, 3),
        "fit_seconds": round(sum(watch.seconds.values()), 3),
        "flops_per_second": round(flops / iteration / n_cores),
    }  # fmt: skip


def operations(nnz: int, rows: int, k: int, solver: str) -> float:
    """Floating-point operations of an iteration."""
    if solver == "cg":
        return 8.0 * (_STEPS + 1) * nnz * k + 2.0 * (_STEPS + 1) * rows * k**2
    return 4.0 * nnz * k**2 + rows * k**3 / 3


def interactions(spark: SparkSession, n: int) -> DataFrame:
    """About `n` distinct pairs: user_id, product_id (numbers without gaps), weight."""
    n_users, n_items = max(n // 27, 1), max(n // 20, 1)
    share = F.rand(1)
    sampled = spark.range(n, numPartitions=spark.sparkContext.defaultParallelism * 2).select(
        (F.pow(F.rand(2), F.lit(1.6)) * n_users).cast("int").alias("user_id"),
        (F.pow(share, F.lit(2.2)) * n_items).cast("int").alias("product_id"),
    )
    # Every number once, so that there are no gaps.
    users = spark.range(n_users).select(F.col("id").cast("int").alias("user_id"), F.lit(0).alias("product_id"))
    items = spark.range(n_items).select(F.lit(0).alias("user_id"), F.col("id").cast("int").alias("product_id"))
    return sampled.unionByName(users).unionByName(items).distinct().withColumn("weight", F.lit(1.0).cast("float"))


if __name__ == "__main__":
    main()
