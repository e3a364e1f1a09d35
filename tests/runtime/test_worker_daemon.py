"""Python workers are forked with their libraries loaded and without jars on the import path."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa
from pyspark.sql import SparkSession


def _found(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    import gc
    import os
    import sys

    list(batches)
    parent = Path(f"/proc/{os.getppid()}/cmdline").read_bytes().decode()
    found = {
        "daemon": "cartograph.runtime.worker_daemon" in parent,
        "jars": [entry for entry in sys.path if entry.endswith(".jar")],
        "loaded": "numba" in sys.modules,
        "frozen": gc.get_freeze_count(),
    }
    yield pa.record_batch([pa.array([json.dumps(found)])], ["found"])


def test_a_worker_finds_libraries_loaded_and_no_jar_on_its_path(spark: SparkSession) -> None:
    (row,) = spark.range(1, numPartitions=1).mapInArrow(_found, "found string").collect()
    state = json.loads(row.found)
    assert state["daemon"]
    assert state["jars"] == []
    assert state["loaded"]
    assert state["frozen"] > 10_000
