"""A real Spark cluster for tests: `local-cluster[2,1,2048]`, two executors in processes of their own.

A Python process holds one Spark context, and the suite's is `local[2]`; so the cluster's driver is another process,
started at the first use (about 15 s) and shared by all tests of the run. A test hands it a function by name:

    # tests/cf/on_cluster.py, or the test module itself
    def count_neighbours(spark: SparkSession, folder: str) -> int:
        tables = Tables(spark, folder)
        ...
        return n

    # tests/cf/test_neighbours.py
    @pytest.mark.cluster
    def test_neighbours_on_a_real_cluster(cluster: Cluster, tmp_path: Path) -> None:
        assert cluster.run(count_neighbours, str(tmp_path)) == 12

The function stands at the top level of an importable module under `tests/`, takes the session first, and gets and
returns what JSON can carry. What it raises is raised in the test as `ClusterError` with the driver's stack trace.
Executors import `cartograph` and `tests` as the driver does.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PYTHONPATH = os.pathsep.join([str(ROOT / "libs"), str(ROOT)])  # the code beside these tests, not an installed one
SETTINGS = [
    "spark.master=local-cluster[2,1,2048]",
    "spark.driver_memory=1g",
    "spark.executor_memory=1g",
    "spark.shuffle_partitions=4",
    "spark.temp_dir=build/tests/spark-cluster",
    "lake.root=build/tests/lake-cluster",
    "tracking.enabled=false",
]
# Three JVMs that live for minutes: optimising their code takes longer than it saves. Without it, frames are
# larger, and what MLlib reads back is nested deeply.
SHORT_LIVED = "-XX:TieredStopAtLevel=1 -Xss8m"


class ClusterError(AssertionError):
    """A function failed on the cluster; the message is its stack trace."""


class Cluster:
    """The driver process; starts when first used."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """What `function(spark, *arguments)` returns on the cluster."""
        process = self._started()
        assert process.stdin is not None
        assert process.stdout is not None
        request = {"module": function.__module__, "function": function.__qualname__, "arguments": arguments}
        process.stdin.write(json.dumps(request) + "\n")
        process.stdin.flush()
        for line in process.stdout:
            if line.startswith("@cluster "):
                answer = json.loads(line.removeprefix("@cluster "))
                if "error" in answer:
                    raise ClusterError(answer["error"])
                return answer["value"]
        self._process = None  # the next test gets a new one
        raise ClusterError(f"the cluster's driver ended with status {process.wait()}; its log is {self._log}")

    @property
    def _log(self) -> Path:
        return ROOT / "build" / "tests" / f"cluster-{os.getpid()}.log"

    def _started(self) -> subprocess.Popen[str]:
        if self._process is None:
            self._log.parent.mkdir(parents=True, exist_ok=True)
            # The suite's own JVM must not be found by the child.
            environment = {key: value for key, value in os.environ.items() if not key.startswith("PYSPARK_GATEWAY")}
            environment |= {"PYTHONPATH": PYTHONPATH, "PYSPARK_PYTHON": sys.executable, "JDK_JAVA_OPTIONS": SHORT_LIVED}
            with self._log.open("w") as log:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "tests.cluster"],
                    cwd=ROOT, env=environment, text=True,
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
                )  # fmt: skip
        return self._process

    def stop(self) -> None:
        """Ends the driver, and with it the executors."""
        if self._process is not None:
            self._process.communicate(timeout=60)  # closes its input, which ends its loop
            self._process = None


def _serve() -> None:
    """Answers one request a line until the input ends."""
    from cartograph.runtime.config import load_config
    from cartograph.runtime.session import spark_session

    config = load_config("demo", [*SETTINGS, f"spark.conf={{spark.executorEnv.PYTHONPATH: '{PYTHONPATH}'}}"])
    spark = spark_session(config, "tests-cluster")
    for line in sys.stdin:
        request = json.loads(line)
        try:
            function = getattr(importlib.import_module(request["module"]), request["function"])
            answer = {"value": function(spark, *request["arguments"])}
        except BaseException:
            answer = {"error": traceback.format_exc()}
        print("@cluster " + json.dumps(answer), flush=True)
    spark.stop()


if __name__ == "__main__":
    _serve()
