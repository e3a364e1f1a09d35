"""Rows a second that a worker group is fed: rows of 20 whole numbers, materialised, read by one worker per core.

    python -m benchmarks.feed --rows 5000000 [--backend arrow]

`rows_per_second` counts from the first worker's start of reading to the last one's end, over one epoch, after an
epoch that warms up. `rows_lost` is what was written less what was delivered, over both.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from functools import partial
from typing import Any

import pyarrow as pa
from pyspark.sql import functions as F

from benchmarks.harness import PeakMemory, Stopwatch, print_result, spark_session
from cartograph.core.training.feed import Feed, batches, materialised
from cartograph.core.workers.groups import Group, run_group, slots

N_NUMBERS = 20


def main() -> None:
    """Runs the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--backend", choices=("petastorm", "arrow"), default="petastorm")
    parser.add_argument("--batch-size", type=int, default=4096)
    options = parser.parse_args()
    memory, watch = PeakMemory(), Stopwatch()
    with watch("setup"):
        spark = spark_session("feed", ["spark.driver_memory=3g"])
    numbers = [F.hash("id", F.lit(place)) for place in range(N_NUMBERS)]
    n_workers = slots(spark)
    rows = spark.range(options.rows).select(F.array(*numbers).alias("numbers"))
    with ExitStack() as stack:
        with watch("materialise"):
            feed = stack.enter_context(materialised(rows, n_workers, options.backend))
        with watch("read"):
            work = partial(read, feed=feed, batch_size=options.batch_size)
            group = spark.range(n_workers).repartition(n_workers)
            found = run_group(group, work, "epoch int, n_rows long, started double, ended double").collect()
    last = [row for row in found if row.epoch == 1]
    seconds = max(row.ended for row in last) - min(row.started for row in last)
    metrics = {
        "rows_per_second": round(sum(row.n_rows for row in last) / seconds),
        "rows_lost": 2 * options.rows - sum(row.n_rows for row in found),
    }
    print_result(
        f"feed {options.rows}", options.backend, metrics, seconds, watch.seconds["setup"], memory,
        materialise_seconds=watch.seconds["materialise"], read_stage_seconds=watch.seconds["read"], workers=n_workers,
    )  # fmt: skip
    spark.stop()


def read(group: Group, _: Iterable[pa.RecordBatch], feed: Feed, batch_size: int) -> Iterator[pa.RecordBatch]:
    """What one worker reads in each of two epochs."""
    rows: list[dict[str, Any]] = []
    for epoch in range(2):
        started, n_rows = time.time(), 0
        for batch in batches(feed, group.rank, batch_size, epoch):
            n_rows += len(batch["numbers"])
        rows.append({"epoch": epoch, "n_rows": n_rows, "started": started, "ended": time.time()})
    schema = pa.schema({"epoch": pa.int32(), "n_rows": pa.int64(), "started": pa.float64(), "ended": pa.float64()})
    yield from pa.Table.from_pylist(rows, schema=schema).to_batches()


if __name__ == "__main__":
    main()
