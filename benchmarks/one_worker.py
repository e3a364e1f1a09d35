"""Seconds of a worker group's stage on one machine without Spark, to measure GPUs.

    python -m benchmarks.one_worker keep FOLDER topn --train … --test … --model lightgcn --set backend=arrow
    python -m benchmarks.one_worker run FOLDER --device cuda

`keep` runs a benchmark up to the stage that trains a network or fits ALS, and writes the input of a group of one to
FOLDER: `benchmarks.topn`, `benchmarks.nextitem`. `run` needs torch, Numba and PySpark, but no JVM; the folder may have
been moved. The result is kept in result.arrow.
"""

from __future__ import annotations

import argparse
import importlib
import io
import pickle
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import pyarrow as pa
import torch
from pyspark import Broadcast, cloudpickle
from pyspark.sql import DataFrame

from benchmarks.harness import PeakMemory, print_result, show
from cartograph.core.training.feed import Feed
from cartograph.core.training.state import seconds_per_epoch
from cartograph.core.workers.groups import Group

_GIVEN, _WORK, _RESULT = "given.arrow", "work.pickle", "result.arrow"
_RUNNERS = ("cartograph.core.training.trainer", "cartograph.cf.factorisation.native_als")


class Kept(Exception):
    """The stage is written: the benchmark can stop."""


class Value:
    """What a broadcast held."""

    def __init__(self, value: Any) -> None:
        self.value = value


def main() -> None:
    """Keeps a stage, or runs one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    keeping = commands.add_parser("keep", help="write the input of a group of one")
    keeping.add_argument("folder", type=Path)
    keeping.add_argument("case", choices=("topn", "nextitem"))
    keeping.add_argument("arguments", nargs=argparse.REMAINDER, help="of the benchmark")
    running = commands.add_parser("run", help="run the stage")
    running.add_argument("folder", type=Path)
    running.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    options = parser.parse_args()
    if options.command == "keep":
        keep(options.folder, options.case, options.arguments)
    else:
        run(options.folder, options.device)


def keep(folder: Path, case: str, arguments: list[str]) -> None:
    """Writes the stage that `case` would run with one worker."""
    for name in _RUNNERS:
        importlib.import_module(name).run_group = partial(_kept, folder)  # type: ignore[attr-defined]
    sys.argv = [case, *arguments]
    try:
        importlib.import_module(f"benchmarks.{case}").main()
    except Kept:
        print(f"{folder}: {', '.join(sorted(path.name for path in folder.iterdir()))}")
        return
    raise SystemExit(f"{case} {' '.join(arguments)}: has no stage of a worker group")


def _kept(folder: Path, blocks: DataFrame, work: Callable[..., Any], _schema: str) -> DataFrame:
    """Stands in for `core.workers.groups.run_group`."""
    if blocks.rdd.getNumPartitions() > 1:
        raise SystemExit("this benchmark gave the work to several workers: give Spark one core (taskset -c 0)")
    folder.mkdir(parents=True, exist_ok=True)
    with pa.OSFile(str(folder / _GIVEN), "wb") as sink:
        table = blocks.toArrow()
        with pa.ipc.new_file(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
            writer.write_table(table)
    with (folder / _WORK).open("wb") as file:
        _Pickler(file, folder).dump(work)
    raise Kept


class _Pickler(cloudpickle.CloudPickler):  # type: ignore[misc]  # it has no types
    """Values of broadcasts and files of feeds lie beside what is pickled."""

    def __init__(self, file: Any, folder: Path) -> None:
        super().__init__(file)
        self._folder = folder

    def reducer_override(self, obj: Any) -> Any:
        """How one object is pickled."""
        if isinstance(obj, Broadcast):
            return Value, (obj.value,)
        return super().reducer_override(obj)

    def persistent_id(self, obj: Any) -> Any:
        """Feeds, by the names that their files have in the folder."""
        if not isinstance(obj, Feed):
            return None
        files = []
        for file in obj.files:
            path = Path(urlparse(file).path) if file else None
            files.append(Path(shutil.copy(path, self._folder)).name if path else None)
        return pickle.dumps(replace(obj, files=tuple(files)))


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: Any, folder: Path) -> None:
        super().__init__(file)
        self._folder = folder

    def persistent_load(self, pid: Any) -> Feed:
        """A feed, its files where they lie now."""
        feed: Feed = pickle.loads(pid)
        return replace(feed, files=tuple(file and (self._folder / file).resolve().as_uri() for file in feed.files))


def run(folder: Path, device: str) -> None:
    """Does the stage's work, and prints how long it took."""
    memory = PeakMemory()
    work = _Unpickler(io.BytesIO((folder / _WORK).read_bytes()), folder).load()
    given = pa.ipc.open_file(str(folder / _GIVEN)).read_all()
    changed: dict[str, Any] = {"config": work.keywords["config"].model_copy(update={"device": device})}
    epochs = _Epochs()
    if "reporter" in work.keywords:
        changed["reporter"] = epochs
    start = time.perf_counter()
    made = list(work.func(Group(0, {}, 300.0), given.to_batches(), **{**work.keywords, **changed}))
    seconds = time.perf_counter() - start
    with pa.OSFile(str(folder / _RESULT), "wb") as sink, pa.ipc.new_file(sink, made[0].schema) as writer:
        for batch in made:
            writer.write_batch(batch)
    processor = torch.cuda.get_device_name() if device == "cuda" else "cpu"
    gigabytes = torch.cuda.max_memory_allocated() / 1e9 if device == "cuda" else None
    print_result(
        f"one_worker {folder.name}", processor, epochs.last(), seconds, 0.0, memory, device_gb=gigabytes,
        seconds_per_epoch=epochs.seconds_per_epoch(), work=work.func.__name__,
    )  # fmt: skip


class _Epochs:
    """Stands in for the connection to the driver: shows the epochs, and keeps them."""

    def __init__(self) -> None:
        self._reported: list[dict[str, float]] = []

    def send(self, epoch: dict[str, float]) -> None:
        """Takes an epoch."""
        self._reported.append(epoch)
        show(epoch)

    def last(self) -> dict[str, float]:
        """The last epoch's metrics."""
        return self._reported[-1] if self._reported else {}

    def seconds_per_epoch(self) -> float | None:
        """The mean over all epochs but the first, which warms up."""
        return seconds_per_epoch(self._reported)


if __name__ == "__main__":
    main()
