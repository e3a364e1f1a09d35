"""Speed of `core/pairs/counts.py`, which counts pairs in Spark, beside SciPy's X'X on one core.

    python -m benchmarks.pairs --baskets order_products__train.parquet

Takes Parquet with order_id and product_id. `seconds` is everything from baskets of product_ids to all counts, the
numbering of products included; SciPy gets its matrix ready made. The numbers of pairs and their sums must be the same.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np
import scipy.sparse as sp
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from threadpoolctl import threadpool_limits

from benchmarks.harness import PeakMemory, Stopwatch, print_result, spark_session
from benchmarks.topn import warm_up
from cartograph.core.pairs.coded_groups import coded_groups
from cartograph.core.pairs.counts import catalogue_of, pair_sums


def main() -> None:
    """Counts the pairs of one file, `--rounds` times."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--baskets", required=True)
    parser.add_argument("--rounds", type=int, default=3, help="repetitions of both; the fastest counts")
    options = parser.parse_args()
    memory, watch = PeakMemory(), Stopwatch()
    with watch("setup"):
        spark = spark_session("pairs", ["spark.driver_memory=3g"])
        baskets = baskets_of(spark, options.baskets)
        warm_up(spark)
        pairs_of(baskets.limit(100)).count()
    matrix = matrix_of(baskets)
    ours, theirs = [], []
    for _ in range(options.rounds):
        start = time.perf_counter()
        pairs_of(baskets).write.format("noop").mode("overwrite").save()
        ours.append(time.perf_counter() - start)
        seconds, counts = scipy_counts(matrix)
        theirs.append(seconds)
    row = (
        pairs_of(baskets)
        .agg(F.sum(F.size("others")), F.sum(F.aggregate("sums", F.lit(0).cast("long"), lambda total, n: total + n)))
        .head()
    )
    metrics = {"n_baskets": matrix.shape[0], "n_pairs": row[0], "sum_of_counts": row[1]}
    peers = {"scipy X'X, one core": {"seconds": round(min(theirs), 3), "metrics": counts}}
    print_result(
        "pairs", "spark", metrics, min(ours), watch.seconds["setup"], memory, peers,
        times_scipy=round(min(ours) / min(theirs), 2),
    )  # fmt: skip
    spark.stop()


def baskets_of(spark: Any, path: str) -> DataFrame:
    """One row per order: product_ids."""
    lines = spark.read.parquet(path).select("order_id", F.col("product_id").cast("string").alias("product_id"))
    baskets = lines.groupBy("order_id").agg(F.collect_set("product_id").alias("product_ids")).select("product_ids")
    baskets = baskets.repartition(spark.sparkContext.defaultParallelism).persist()
    baskets.count()
    return baskets


def pairs_of(baskets: DataFrame) -> DataFrame:
    """All pairs and their counts: code, others, sums."""
    coded = coded_groups(baskets)
    return pair_sums(coded, catalogue_of(coded))


def matrix_of(baskets: DataFrame) -> Any:
    """Baskets by products, 1 where a basket holds a product."""
    lists = baskets.toArrow().column("product_ids").combine_chunks()
    codes = lists.flatten().dictionary_encode().indices.to_numpy()
    starts = np.concatenate(([0], np.cumsum(lists.value_lengths().to_numpy())))
    return sp.csr_matrix((np.ones(len(codes), dtype=np.int64), codes, starts))


def scipy_counts(matrix: Any) -> tuple[float, dict[str, int]]:
    """Seconds of X'X, and its pairs of different products."""
    with threadpool_limits(1):
        start = time.perf_counter()
        product = matrix.T @ matrix
        seconds = time.perf_counter() - start
    diagonal = product.diagonal()
    return seconds, {
        "n_pairs": int(product.nnz - np.count_nonzero(diagonal)),
        "sum_of_counts": int(product.sum() - diagonal.sum()),
    }


if __name__ == "__main__":
    main()
