"""Seconds and peak memory of every step from raw files to the report, on a generated shop of any size or on real files.

    python -m benchmarks.pipeline --events 1e6
    python -m benchmarks.pipeline --events 1e7 --steps shop,ingest,preprocess --driver-memory 8g
    python -m benchmarks.pipeline --source online_retail_ii --path online_retail_ii.parquet

The shop and the lake are made in a folder of their own, removed at the end unless --keep is given. The models run for
two days, as the pipeline runs them. `metrics.steps` holds the seconds of each step and the highest resident memory of
Python, Java and the Python workers together while it ran.
"""

from __future__ import annotations

import argparse
import importlib
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import date, timedelta
from pathlib import Path
from time import perf_counter
from typing import Any

from benchmarks.harness import PeakMemory, print_result
from cartograph.runtime.config import load_config
from cartograph.runtime.job import Suite
from cartograph.runtime.last_day import day_after_last_event

ONCE, PER_DAY, AT_THE_END = (
    ("shop", "ingest", "preprocess"),
    ("rules", "cf", "sequence", "graph", "rank"),
    ("audit", "evaluate", "report"),
)
STEPS = (*ONCE, *PER_DAY, *AT_THE_END)


class Meter:
    """Seconds and peak memory per name; a name measured twice adds up its seconds and keeps its higher peak."""

    def __init__(self) -> None:
        self.memory = PeakMemory()
        self.seconds: dict[str, float] = {}
        self.peak_gb: dict[str, float] = {}
        self._overall = 0

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        """Measures the block."""
        self._overall = max(self._overall, self.memory.peak_bytes)
        self.memory.peak_bytes = 0
        start = perf_counter()
        yield
        self.seconds[name] = round(self.seconds.get(name, 0.0) + perf_counter() - start, 2)
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
    given = argparse.Namespace(source=options.source or "shop", path=options.path or config.shop.path, conf_dir=None)
    meter = Meter()
    with ExitStack() as open_things:
        with meter("start"):
            suite = open_things.enter_context(Suite.open("benchmark", config))
            open_things.callback(suite.spark.stop)

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
        name: {"seconds": taken, "peak_rss_gb": meter.peak_gb[name]} for name, taken in meter.seconds.items()
    }
    rows = {
        name: suite.tables.read(name).count()
        for name in ("bronze.events", "silver.events", "silver.baskets")
        if suite.tables.exists(name)
    }
    metrics = {"steps": steps, "rows": rows}
    case = options.source or f"{options.events:.0e}"
    print_result(f"pipeline {case}", "spark", metrics, seconds, setup, meter.whole())


if __name__ == "__main__":
    main()
