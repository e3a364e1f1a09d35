"""Cost of mining as the demo shop grows: seconds and memory by number of baskets.

    python -m benchmarks.itemset_growth --baskets 100000 1000000 --min-support 0.0005
    python -m benchmarks.itemset_growth --baskets 2000000 --shops 25 --min-support 0.00002 --executor-memory 512m

The baskets are the orders of the generated shop, 2,000 products whatever the size, kept by Spark on disk. With
`--shops` there are several shops of the same size, each with products of its own: that makes data faster than
one large shop does. With `--executor-memory` the run has two executors of one core and that much heap each, processes
of their own. `worker_gb` is the most that any one Python worker held; `data_gb` is the size of the baskets as Arrow
arrays, which no task ever holds as a whole.
"""

from __future__ import annotations

import argparse
import os
import re
import threading
import time
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyspark import StorageLevel
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from benchmarks.harness import ROOT, PeakMemory, Stopwatch, print_result, spark_session
from cartograph.rules.mining import mine
from cartograph.shop.events import PURCHASE, events_of_block
from cartograph.shop.plan import EVENTS_PER_BLOCK, Plan

N_PRODUCTS = 2_000
_IS_WORKER = re.compile(rb"-m\0[\w.]*daemon\0")  # workers are forked from Spark's daemon or from ours


def main() -> None:
    """Mines shops of growing size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--baskets", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--min-support", type=float, default=0.0005)
    parser.add_argument("--engine", choices=("native", "mllib"), default="native")
    parser.add_argument("--shops", type=int, default=1, help="number of shops, each with products of its own")
    parser.add_argument("--executor-memory", help="heap of each of two executors; without it all runs in one process")
    options = parser.parse_args()
    memory, watch = PeakMemory(), Stopwatch()
    with watch("setup"):
        spark = session(options.executor_memory)
        mine(shop_baskets(spark, 2_000), min_support=0.05, engine=options.engine, max_length=0).count()
    rows = {}
    for n in options.baskets:
        with watch("generate"):
            baskets = shop_baskets(spark, n, options.shops).persist(StorageLevel.DISK_ONLY)
            n_baskets, n_items = baskets.agg(F.count("*"), F.sum(F.size("product_ids"))).collect()[0]
        workers = WorkerMemory()
        start = time.perf_counter()
        itemsets = mine(baskets, min_support=options.min_support, engine=options.engine, max_length=0).persist()
        found = {"n_itemsets": itemsets.count(), "seconds": round(time.perf_counter() - start, 3)}
        name_bytes = 4 + 8  # an offset and a name of eight letters per item; one offset per basket
        found |= {"n_items": n_items, "data_gb": round((n_items * name_bytes + 4 * n_baskets) / 1e9, 3)}
        rows[str(n_baskets)] = found | {"worker_gb": round(workers.stop() / 1e9, 3)}
        itemsets.unpersist(), baskets.unpersist()
    seconds = sum(row["seconds"] for row in rows.values())
    print_result(
        "itemset_growth", options.engine, rows, seconds, watch.seconds["setup"], memory,
        generate_seconds=watch.seconds["generate"], min_support=options.min_support,
        executor_memory=options.executor_memory,
    )  # fmt: skip
    spark.stop()


def session(executor_memory: str | None) -> SparkSession:
    """One process on all cores, or two executors of a core each."""
    if executor_memory is None:
        found: SparkSession = spark_session("itemset_growth", ["spark.driver_memory=2g"])
        return found
    path = os.pathsep.join([str(ROOT), str(ROOT / "libs")])
    return spark_session(  # type: ignore[no-any-return]
        "itemset_growth",
        ["spark.master=local-cluster[2,1,1024]", "spark.driver_memory=1g", f"spark.executor_memory={executor_memory}",
         f"spark.conf={{spark.executorEnv.PYTHONPATH: '{path}'}}"],
    )  # fmt: skip


def shop_baskets(spark: SparkSession, n_baskets: int, n_shops: int = 1) -> DataFrame:
    """About `n_baskets` orders of each shop: user_id (null), product_ids."""
    trial = Plan(n_events=EVENTS_PER_BLOCK, n_products=N_PRODUCTS)
    per_block = len(_orders(trial, 0)[1]) - 1
    plan = Plan(n_events=round(EVENTS_PER_BLOCK * n_baskets / per_block), n_products=N_PRODUCTS)
    n_tasks = max(spark.sparkContext.defaultParallelism, plan.n_blocks // 50)
    blocks = spark.range(0, plan.n_blocks, 1, min(n_tasks, plan.n_blocks))
    generate = partial(_generate, plan=plan, n_shops=n_shops)
    generated = blocks.mapInArrow(generate, "user_id string, product_ids array<string>")
    return generated


def _generate(batches: Iterable[pa.RecordBatch], plan: Plan, n_shops: int) -> Iterator[pa.RecordBatch]:
    # Eight letters each, and a few more products than there are.
    names = [pa.array([f"{shop:03}{product:05}" for product in range(2 * N_PRODUCTS)]) for shop in range(n_shops)]
    for batch in batches:
        for block in batch.column(0).to_pylist():
            products, offsets = _orders(plan, block)
            for shop in names:
                lists = pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), shop.take(pa.array(products)))
                yield pa.record_batch([pa.nulls(len(lists), pa.string()), lists], ["user_id", "product_ids"])


def _orders(plan: Plan, block: int) -> tuple[Any, Any]:
    """Distinct products of the orders of a block, one order after another, and where each starts."""
    events = events_of_block(plan, block)
    bought = (events["event_type"] == PURCHASE) & (events["order"] >= 0) & (events["product"] >= 0)
    lines = np.unique(np.stack([events["order"][bought], events["product"][bought]]), axis=1)
    starts = np.flatnonzero(np.diff(lines[0], prepend=-1))
    return lines[1], np.append(starts, lines.shape[1]).astype(np.int32)


class WorkerMemory:
    """The most resident memory that any one Python worker of Spark had, sampled in the background."""

    def __init__(self) -> None:
        self._peak = 0
        self._running = True
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> int:
        """Ends the sampling; bytes."""
        self._running = False
        self._thread.join()
        return self._peak

    def _watch(self) -> None:
        page = os.sysconf("SC_PAGE_SIZE")
        while self._running:
            for process in Path("/proc").glob("[0-9]*"):
                try:
                    if _IS_WORKER.search((process / "cmdline").read_bytes()) and self._is_ours(process):
                        self._peak = max(self._peak, int((process / "statm").read_text().split()[1]) * page)
                except (OSError, ValueError):
                    continue  # it has just ended
            time.sleep(0.2)

    @staticmethod
    def _is_ours(process: Path) -> bool:
        return (process / "cwd").readlink().is_relative_to(ROOT)


if __name__ == "__main__":
    main()
