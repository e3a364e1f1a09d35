"""What every step from raw files to the report takes, on a generated shop of any size or on real files.

    python -m benchmarks.pipeline --events 1e6
    python -m benchmarks.pipeline --events 1e7 --steps shop,ingest,preprocess --driver-memory 8g
    python -m benchmarks.pipeline --source online_retail_ii --path online_retail_ii.parquet

The shop and the lake are made in a folder of their own, removed at the end unless --keep is given. The models run for
two days, as the pipeline runs them. `metrics.steps` holds the seconds of each step, the highest resident memory of
Python, Java and the Python workers together while it ran, and counts that do not depend on how busy the machine is:
Spark jobs, queries (what Delta asks itself included), table versions written, and calls from Python to the JVM.
`metrics.in_all` holds their sums.
"""

from __future__ import annotations

import argparse
import importlib
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import date, timedelta
from pathlib import Path
from time import perf_counter
from typing import Any

from py4j.clientserver import JavaClient

from benchmarks.harness import PeakMemory, print_result
from cartograph.core.tables.schema import TABLES
from cartograph.runtime.config import load_config
from cartograph.runtime.job import Suite
from cartograph.runtime.last_day import day_after_last_event

ONCE, PER_DAY, AT_THE_END = (
    ("shop", "ingest", "preprocess"),
    ("embed", "rules", "cf", "sequence", "graph", "rank"),
    ("audit", "evaluate", "report"),
)
STEPS = (*ONCE, *PER_DAY, *AT_THE_END)
COUNTED = ("jobs", "queries", "writes", "jvm_calls")


class Counters:
    """Running totals of what a session does; read before and after a step."""

    def __init__(self) -> None:
        self.suite: Suite | None = None
        self._jvm_calls = 0
        send = JavaClient.send_command

        def counted(client: JavaClient, *arguments: Any, **options: Any) -> Any:
            self._jvm_calls += 1
            return send(client, *arguments, **options)

        JavaClient.send_command = counted

    def read(self) -> Counter[str]:
        """jobs, queries, writes and jvm_calls so far; nothing before there is a session."""
        calls = Counter({"jvm_calls": self._jvm_calls})  # before these questions, which are calls themselves
        if self.suite is None:
            return calls
        spark, tables = self.suite.spark, self.suite.tables
        calls["jobs"] = spark.sparkContext._jsc.sc().dagScheduler().numTotalJobs()
        store = spark._jsparkSession.sharedState().statusStore()
        n_kept = store.executionsCount()
        last = store.executionsList(n_kept - 1, 1).last().executionId() + 1 if n_kept else 0
        calls["queries"] = last
        calls["writes"] = sum(tables.version(name) + 1 for name in TABLES if tables.exists(name))
        return calls


class Meter:
    """What each name took; a name measured twice adds up seconds and counts and keeps its higher peak."""

    def __init__(self) -> None:
        self.counters = Counters()
        self.memory = PeakMemory()
        self.seconds: dict[str, float] = {}
        self.peak_gb: dict[str, float] = {}
        self.counts: dict[str, Counter[str]] = {}
        self._overall = 0

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        """Measures the block."""
        self._overall = max(self._overall, self.memory.peak_bytes)
        self.memory.peak_bytes = 0
        before, start = self.counters.read(), perf_counter()
        yield
        self.seconds[name] = round(self.seconds.get(name, 0.0) + perf_counter() - start, 2)
        self.counts[name] = self.counts.get(name, Counter()) + self.counters.read() - before
        self.peak_gb[name] = max(self.peak_gb.get(name, 0.0), self.memory.gigabytes)

    def whole(self) -> PeakMemory:
        """The memory meter with the peak of all blocks."""
        self.memory.peak_bytes = max(self._overall, self.memory.peak_bytes)
        return self.memory


def main() -> None:
    """Runs the requested steps and prints one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--events", type=float, help="generate a shop of about this many raw events, e.g. 1e6")
    what.add_argument("--source", help="a declaration in conf/sources, with --path")
    parser.add_argument("--path", help="inputs of that source")
    parser.add_argument("--steps", default=",".join(STEPS), help=f"some of {','.join(STEPS)}; earlier ones are needed")
    parser.add_argument("--driver-memory", default="4g")
    parser.add_argument("--folder", help="where shop and lake go (default: a temporary folder below build)")
    parser.add_argument("--keep", action="store_true", help="leave the folder behind")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting, repeatable")
    options = parser.parse_args()
    if bool(options.source) != bool(options.path):
        parser.error("--source and --path go together")
    steps = options.steps.split(",")
    unknown = sorted(set(steps) - set(STEPS))
    if unknown:
        parser.error(f"no step {', '.join(unknown)}; the steps are {', '.join(STEPS)}")
    Path("build").mkdir(exist_ok=True)
    folder = options.folder or tempfile.mkdtemp(prefix="pipeline-", dir="build")
    try:
        measure(steps, str(Path(folder).resolve()), options)
    finally:
        if not options.keep:
            shutil.rmtree(folder, ignore_errors=True)


def measure(steps: list[str], folder: str, options: argparse.Namespace) -> None:
    """Runs `steps` one after the other in one session and prints what they took."""
    config = load_config("demo", [*settings(options.events, folder, options.driver_memory), *options.set])
    source, path = options.source or "shop", options.path or config.shop.path
    given = argparse.Namespace(source=source, path=path, conf_dir=None, until=None, again=False)
    meter = Meter()
    with ExitStack() as open_things:
        with meter("start"):
            suite = open_things.enter_context(Suite.open("benchmark", config))
            open_things.callback(suite.spark.stop)
        meter.counters.suite = suite

        def run(step: str, as_of: date | None = None) -> None:
            with meter(step):
                suite.run(step, importlib.import_module(f"jobs.{step}").run, as_of, given)

        for step in ONCE:
            if step in steps and not (step == "shop" and options.source):
                run(step)
        if {*PER_DAY, *AT_THE_END} & {*steps}:
            last = day_after_last_event(suite.tables)
            for step, day in schedule(steps, last, config.evaluate.horizon_days):
                run(step, day)
        report(options, suite, meter)


def settings(n_events: float | None, folder: str, driver_memory: str) -> list[str]:
    """The demo environment with everything below `folder` and nothing recorded."""
    return [
        *([f"shop.n_events={int(n_events)}"] if n_events else []),
        f"shop.path={folder}/shop",
        f"lake.root={folder}/lake",
        f"report.path={folder}/report",
        f"spark.temp_dir={folder}/spark",
        f"spark.driver_memory={driver_memory}",
        "tracking.enabled=false",
    ]


def schedule(steps: list[str], last: date, horizon_days: int) -> list[tuple[str, date]]:
    """(step, as_of) in the pipeline's order: the models for the earlier day first."""
    days = (last - timedelta(days=horizon_days), last)
    order = [(step, day) for day in days for step in PER_DAY] + [(step, last) for step in AT_THE_END]
    return [(step, day) for step, day in order if step in steps]


def report(options: argparse.Namespace, suite: Suite, meter: Meter) -> None:
    """Prints the JSON line."""
    setup = meter.seconds.pop("start")
    seconds = sum(meter.seconds.values())
    steps: dict[str, Any] = {
        name: {"seconds": taken, "peak_rss_gb": meter.peak_gb[name]} | counted(meter.counts[name])
        for name, taken in meter.seconds.items()
    }
    rows = {
        name: suite.tables.read(name).count()
        for name in ("bronze.events", "silver.events", "silver.baskets")
        if suite.tables.exists(name)
    }
    in_all = sum((meter.counts[name] for name in steps), Counter())
    whole = {"seconds": round(seconds, 2)} | counted(in_all)
    metrics = {"steps": steps, "in_all": whole, "rows": rows}
    case = options.source or f"{options.events:.0e}"
    print_result(f"pipeline {case}", "spark", metrics, seconds, setup, meter.whole())


def counted(counts: Counter[str]) -> dict[str, int]:
    """All of COUNTED, also what did not happen."""
    return {what: counts[what] for what in COUNTED}


if __name__ == "__main__":
    main()
