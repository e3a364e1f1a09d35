"""What it costs to start a group of training workers: `core.workers.groups` beside Spark's own TorchDistributor.

    python -m benchmarks.worker_groups

Both start one process per core, join them by `torch.distributed` (gloo), and sum a vector of 7.6 MB twenty times. Each
is called three times; `seconds` are those of the second and third call, when Spark has workers already.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa
import torch
import torch.distributed as dist
from pyspark.ml.torch.distributor import TorchDistributor
from pyspark.sql import SparkSession

from benchmarks.harness import PeakMemory, Stopwatch, print_result, spark_session
from cartograph.core.training.group import training_group
from cartograph.core.workers.groups import Group, run_group, slots

N_NUMBERS = 1_900_000
N_SUMS = 20


def main() -> None:
    """Runs both, in turn."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    memory, watch = PeakMemory(), Stopwatch()
    with watch("setup"):
        spark = spark_session("worker_groups")
        spark.range(1).count()
    results: dict[str, dict[str, Any]] = {}
    for name, start in (("worker_group", by_group), ("torch_distributor", by_distributor)):
        taken = []
        for _ in range(3):
            begun = time.perf_counter()
            sums = start(spark)
            taken.append(time.perf_counter() - begun)
        seconds = round(sum(taken[1:]) / 2, 3)
        results[name] = {"seconds": seconds, "metrics": {"first": round(taken[0], 3), "sums": round(sums, 3)}}
    spark.stop()
    own, peer = results["worker_group"], results["torch_distributor"]
    print_result(
        "worker_groups", "worker_group", own["metrics"], own["seconds"], watch.seconds["setup"], memory,
        {"torch_distributor": peer},
    )  # fmt: skip


def by_group(spark: SparkSession) -> float:
    """Seconds that the sums take in a worker group."""
    blocks = spark.range(slots(spark)).repartition(slots(spark))
    return float(run_group(blocks, in_group, "seconds double").collect()[0].seconds)


def in_group(group: Group, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """One worker's part."""
    for _ in batches:
        pass
    with training_group(group, "cpu"):
        yield pa.RecordBatch.from_pydict({"seconds": [summed()]})


def by_distributor(spark: SparkSession) -> float:
    """Seconds that the sums take in processes of TorchDistributor."""
    return float(TorchDistributor(num_processes=slots(spark), local_mode=False, use_gpu=False).run(in_process))


def in_process() -> float:
    """One process's part; it has to join the others itself."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    seconds = summed()
    dist.destroy_process_group()
    return seconds


def summed() -> float:
    """Seconds of `N_SUMS` sums over all workers."""
    vector = torch.ones(N_NUMBERS)
    begun = time.perf_counter()
    for _ in range(N_SUMS):
        dist.all_reduce(vector)
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
