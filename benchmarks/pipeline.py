"""Seconds and peak memory of every step from raw files to the report, on a generated shop of any size.

    python -m benchmarks.pipeline --events 1e6
    python -m benchmarks.pipeline --events 1e7 --steps shop,ingest,preprocess --driver-memory 8g

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

ONCE, PER_DAY, AT_THE_END = ("shop", "ingest", "preprocess"), ("rules", "cf", "rank"), ("evaluate", "report")
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
    """Runs the steps asked for and prints one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=float, required=True, help="about this many raw events, e.g. 1e6")
    parser.add_argument("--steps", default=",".join(STEPS), help=f"some of {','.join(STEPS)}; earlier ones are needed")
    parser.add_argument("--driver-memory", default="4g")
    parser.add_argument("--folder", help="where shop and lake go (default: a temporary folder below build)")
    parser.add_argument("--keep", action="store_true", help="leave the folder behind")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting, repeatable")
    options = parser.parse_args()
    steps = options.steps.split(",")
    unknown = sorted(set(steps) - set(STEPS))
    if unknown:
        parser.error(f"no step {', '.join(unknown)}; the steps are {', '.join(STEPS)}")
    Path("build").mkdir(exist_ok=True)
    folder = options.folder or tempfile.mkdtemp(prefix="pipeline-", dir="build")
    try:
        measure(int(options.events), steps, str(Path(folder).resolve()), options)
    finally:
        if not options.keep:
            shutil.rmtree(folder, ignore_errors=True)


def measure(n_events: int, steps: list[str], folder: str, options: argparse.Namespace) -> None:
    """Runs `steps` one after the other in one session and prints what they took."""
    config = load_config("demo", [*settings(n_events, folder, options.driver_memory), *options.set])
    meter = Meter()
    with ExitStack() as open_things:
        with meter("start"):
            suite = open_things.enter_context(Suite.open("benchmark", config))
            open_things.callback(suite.spark.stop)
        for step, as_of in schedule(steps, config.shop.end_on, config.evaluate.horizon_days):
            job = importlib.import_module(f"jobs.{step}")
            given = argparse.Namespace(source="shop", path=config.shop.path, conf_dir=None)
            with meter(step):
                suite.run(step, job.run, as_of, given)
        report(n_events, folder, suite, meter)


def settings(n_events: int, folder: str, driver_memory: str) -> list[str]:
    """The demo environment with everything below `folder` and nothing recorded."""
    return [
        f"shop.n_events={n_events}",
        f"shop.path={folder}/shop",
        f"lake.root={folder}/lake",
        f"report.path={folder}/report",
        f"spark.temp_dir={folder}/spark",
        f"spark.driver_memory={driver_memory}",
        "tracking.enabled=false",
    ]


def schedule(steps: list[str], last: date, horizon_days: int) -> list[tuple[str, date | None]]:
    """(step, as_of) in the pipeline's order: the models for the earlier day first."""
    days = (last - timedelta(days=horizon_days), last)
    order: list[tuple[str, date | None]] = [(step, None) for step in ONCE]
    order += [(step, day) for day in days for step in PER_DAY]
    order += [(step, last) for step in AT_THE_END]
    return [(step, day) for step, day in order if step in steps]


def report(n_events: int, folder: str, suite: Suite, meter: Meter) -> None:
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
    raw = sum(file.stat().st_size for file in Path(folder, "shop", "events").glob("part-*"))
    metrics = {
        "steps": steps,
        "rows": rows,
        "raw_events_mb": round(raw / 1e6, 1),
        "events_per_second": round(n_events / seconds),
    }
    print_result(f"pipeline {n_events:.0e}", "spark", metrics, seconds, setup, meter.whole())


if __name__ == "__main__":
    main()
