"""Two programs at one table; and one that is killed in the middle of its writes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from cartograph.runtime.locks import LockHeld
from cartograph.runtime.tables import Tables
from tests.runtime.slow_writer import DAY, baskets, neighbours

ROOT = Path(__file__).parents[2]


def wait_for(condition: Callable[[], bool], what: str, seconds: float = 180) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"no {what} after {seconds} s"
        time.sleep(0.1)


@pytest.mark.slow
def test_a_running_writer_is_not_disturbed_and_a_killed_one_leaves_nothing_behind(
    spark: SparkSession, tables: Tables, tmp_path: Path
) -> None:
    root = Path(tables.root)
    with (tmp_path / "writer.log").open("w") as log:
        writer = subprocess.Popen(
            [sys.executable, "-m", "tests.runtime.slow_writer", str(root)],
            cwd=ROOT,
            env={key: value for key, value in os.environ.items() if not key.startswith("PYSPARK_GATEWAY")},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        wait_for(lambda: bool(list(root.glob("silver/baskets/*.parquet"))), "data file of the append")
        wait_for(lambda: (root / "_locks" / f"gold.associations,as_of={DAY},model=als.lock").exists(), "lock")
        wait_for(lambda: tables.exists("gold.associations"), "table")
        with pytest.raises(LockHeld, match=f"process {writer.pid} on "):
            tables.replace("gold.associations", neighbours(spark), as_of=DAY, model="als")
        assert tables.replace("gold.associations", neighbours(spark), as_of=DAY, model="rules").changed
    finally:
        os.killpg(writer.pid, signal.SIGKILL)  # Python, the JVM and its workers at once
        writer.wait()
    assert tables.read("silver.baskets").count() == 0  # its file is there, but no version names it
    assert tables.append("silver.baskets", baskets(spark), "shop", 1, "same").changed
    assert not tables.append("silver.baskets", baskets(spark), "shop", 1, "same").changed
    assert tables.replace("gold.associations", neighbours(spark), as_of=DAY, model="als").changed
    assert sorted(row.order_id for row in tables.read("silver.baskets").collect()) == ["o0", "o1"]
    assert tables.read("gold.associations", as_of=DAY, model="als").count() == 2
    assert list((root / "_locks").glob("*.lock")) == []
